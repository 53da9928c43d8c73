/** What `doctor` can see on this machine: key, data folder, inbox, zone, profile. */
import { access, constants, readdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config, MerchantConfig } from "../../config/config.ts";
import { loadProfile } from "../../profiles/load.ts";
import { loadUserKey } from "../../transport/user-key.ts";
import type { CommandContext } from "../context.ts";
import { ExitStatus } from "../exit-status.ts";
import { withLedger } from "../wiring.ts";
import { type Check, checking, fail, ok, warn } from "./check.ts";

/** A year of nights of one merchant takes less; with less than this a full disk is near. */
const LOW_SPACE_BYTES = 512 * 1024 * 1024;

export async function checkHere(context: CommandContext, config: Config, merchant: MerchantConfig): Promise<Check[]> {
  return [
    checkConfig(config),
    await checking("key", () => checkLogin(merchant)),
    await checking("data folder", () => checkLedger(context, config, merchant)),
    await checking("disk space", () => checkSpace(join(config.dataDir, merchant.id))),
    await checking("inbox", () => checkInbox(merchant.inbox)),
    checkTimezone(context, merchant.timezone),
    await checking("profile", () => checkProfile(merchant)),
  ];
}

function checkConfig(config: Config): Check {
  if (config.warnings.length === 0) return ok("config", config.path);
  return warn("config", `${config.path}: ${config.warnings.join(" ")}`, "Mend it when you can; it works meanwhile.");
}

async function checkLogin({ sftp: { auth } }: MerchantConfig): Promise<Check> {
  if ("privateKeyPath" in auth) {
    const { description } = await loadUserKey(auth.privateKeyPath, auth.passphrase);
    return ok("key", `${auth.privateKeyPath}, ${description}, readable by you alone`);
  }
  if ("agentSocket" in auth) return ok("key", "in the SSH agent; cron usually has none");
  return warn(
    "key",
    "logs in by password",
    "A key is safer: ask the provider to take one, then `rescue init` makes it.",
  );
}

async function checkLedger(context: CommandContext, config: Config, merchant: MerchantConfig): Promise<Check> {
  const name = "data folder";
  const folder = join(config.dataDir, merchant.id);
  // Looking must not make one: an empty ledger in a wrong place would look like a first night.
  if (!(await exists(join(folder, "ledger.db")))) {
    const parent = await nearestFolder(folder);
    if (await isWritable(parent)) return ok(name, `${folder} will be made by the first run`);
    return fail(
      name,
      `${parent} cannot be written to`,
      "Give this user the right to, or change data_dir.",
      ExitStatus.failed,
    );
  }
  return withLedger(context, config, merchant, async ({ ledger }) => {
    const { schemaVersion, host } = ledger.about;
    const holder = await ledger.lockHolder();
    const lock = holder ? `; locked by ${holder.command} (pid ${holder.pid})` : "";
    return ok(name, `${folder}, schema ${schemaVersion}, belongs to host ${host}${lock}`);
  });
}

async function checkSpace(folder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(await nearestFolder(folder));
  const free = bavail * bsize;
  const words = `${Math.floor(free / 1024 / 1024).toLocaleString("en")} MiB free where the data lies`;
  if (free >= LOW_SPACE_BYTES) return ok("disk space", words);
  return warn("disk space", words, "Make room: a batch is sent only after it was written to disk.");
}

async function checkInbox(inbox: string): Promise<Check> {
  if (!(await exists(inbox))) {
    return fail("inbox", `${inbox} does not exist`, `Make it: mkdir -p ${inbox}`, ExitStatus.usage);
  }
  if (!(await isWritable(inbox))) {
    const next = "Give this user the right to write there: exports are moved to processed/ when they were taken.";
    return fail("inbox", `${inbox} cannot be written to`, next, ExitStatus.failed);
  }
  const files = (await readdir(inbox, { withFileTypes: true })).filter((entry) => entry.isFile());
  return ok("inbox", `${inbox}, ${files.length === 1 ? "1 file waits" : `${files.length} files wait`}`);
}

function checkTimezone({ clock }: CommandContext, timeZone: string): Check {
  const here = new Intl.DateTimeFormat("sv", { timeZone, dateStyle: "short", timeStyle: "short" }).format(clock.now());
  return ok("timezone", `${timeZone}, where it is ${here}; its days decide what is fresh`);
}

async function checkProfile({ provider }: MerchantConfig): Promise<Check> {
  const { title, unconfirmed } = await loadProfile(provider);
  if (unconfirmed.length === 0) return ok("profile", title);
  return warn(
    "profile",
    `${title}; not published by the provider: ${unconfirmed.join("; ")}`,
    `Confirm with ${title} before the first real night.`,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The folder itself, or what will hold it. */
async function nearestFolder(path: string): Promise<string> {
  let folder = path;
  while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
