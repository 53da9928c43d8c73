/**
 * A provider is data: columns, names, limits, commit method, result patterns and status words. No code path knows a
 * provider; the encoders and decoders follow this. Built in: flex.ts. A merchant's own: a YAML file (profile-schema.ts).
 */
import type { ColumnName } from "../domain/columns.ts";
import type { OutcomeStatus } from "../domain/outcome.ts";

export interface Profile {
  readonly id: string;
  readonly title: string;
  /** What is ours and not published by the provider: `init` and `doctor` say "confirm with …" for each. */
  readonly unconfirmed: readonly string[];
  readonly batch: BatchProfile;
  readonly delivery: DeliveryProfile;
  readonly results: ResultProfile;
  readonly window: WindowProfile;
}

export interface BatchProfile {
  readonly format: "csv";
  readonly delimiter: string;
  readonly header: boolean;
  readonly newline: "\n" | "\r\n";
  readonly maxRows: number;
  /** Placeholders: `{mid}`, `{utc}` (yyyyMMddHHmmss), `{number}` or `{number:4}` (never reset, zero padded). */
  readonly nameTemplate: string;
  readonly columns: readonly BatchColumn[];
}

/** One column of the batch file: exactly one of `from`, `constant`, `sequence`, `mid`. */
export interface BatchColumn {
  readonly name: string;
  readonly from?: ColumnName;
  /** How `from` is written; `text` (verbatim, the default), `minor_units`, `major_units`, `instant` (UTC). */
  readonly as?: "text" | "minor_units" | "major_units" | "instant";
  readonly constant?: string;
  /** 1, 2, 3, … within the file. */
  readonly sequence?: true;
  /** The merchant's id at the provider. */
  readonly mid?: true;
}

export interface DeliveryProfile {
  /** `rename`: upload under a temporary name, then rename. `direct`: no temporary name (a server without rename). */
  readonly commit: "rename" | "direct";
  /** Appended to the final name while uploading; `{try}` is the number of the try. */
  readonly temporarySuffix: string;
  /** The provider says in writing that it never takes files with the temporary suffix. */
  readonly ignoresTemporaryNames: boolean;
  /** May we read our own files back in the inbound folder (for a hash check)? */
  readonly readBack: boolean;
  /** Name of an empty trigger file made after the commit, with `{name}`; absent: none. */
  readonly trigger?: string;
}

export interface ResultProfile {
  readonly format: "csv";
  readonly delimiter: string;
  /** `*` and `?` patterns of names in the outbound folder. */
  readonly patterns: readonly string[];
  /** Our field → the header of the result file. */
  readonly columns: {
    readonly order_id: string;
    readonly session_key?: string;
    readonly status: string;
    readonly amount: string;
    readonly currency: string;
    readonly processed_at?: string;
    readonly response_code?: string;
    readonly message?: string;
  };
  readonly amountUnit: "minor" | "major";
  /** The provider's word, upper-cased → ours. Any other word is `unrecognised_status`. */
  readonly statuses: Readonly<Record<string, OutcomeStatus>>;
  readonly afterCollect: "leave" | "delete" | { readonly moveTo: string };
}

export interface WindowProfile {
  /** What silence at the end of the window means. */
  readonly afterWindow: "presume_unrescued" | "overdue";
  /** How long after the window's end results are still awaited. */
  readonly graceMs: number;
  readonly minimumMs: number;
}
