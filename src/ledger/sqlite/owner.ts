/** Whose folder this is. Two hosts that each believe in their own copy of a ledger would both send, so one host owns it. */
import { dirname } from "node:path";
import type { Instant } from "../../domain/instant.ts";
import { Problem } from "../../domain/problem.ts";
import type { Database } from "./connection.ts";

export interface Owner {
  readonly merchant: string;
  readonly host: string;
}

export function recordOwner(db: Database, owner: Owner, recordedAt: Instant): void {
  db.prepare("INSERT INTO owner (merchant, host, recorded_at) VALUES (?, ?, ?)").run(
    owner.merchant,
    owner.host,
    recordedAt,
  );
}

/** True: it is ours. False: nobody's yet, or another host's. Problem `config_invalid` if it is another merchant's. */
export function isOwnedBy(db: Database, { merchant, host }: Owner): boolean {
  const owner = lastOwner(db);
  if (owner && owner.merchant !== merchant) {
    const message = `${db.name} is the ledger of merchant "${owner.merchant}", not of "${merchant}"`;
    throw new Problem("config_invalid", message, {
      hint: "Nothing was changed. Give each merchant a folder of its own, or correct the merchant's name or data_dir.",
    });
  }
  return owner?.host === host;
}

export function refuseOtherHost(db: Database, { merchant, host }: Owner): void {
  const owner = lastOwner(db);
  if (!owner || owner.host === host) return;
  const message = `${db.name} belongs to host "${owner.host}", and this is "${host}"`;
  throw new Problem("ledger_other_host", message, {
    hint:
      `Nothing was changed. To move it for good: stop rescue on ${owner.host}, copy the whole folder ` +
      `${dirname(db.name)} here while nothing runs, then start once with RESCUE_ADOPT_LEDGER=${merchant}.`,
  });
}

function lastOwner(db: Database): Owner | undefined {
  return db.prepare<[], Owner>("SELECT merchant, host FROM owner ORDER BY owner_id DESC LIMIT 1").get();
}
