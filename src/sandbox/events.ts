/** What the provider did, for tests, the demo and the log of `rescue sandbox`. Never holds a cell but order ids. */
import type { Instant } from "../domain/instant.ts";
import type { MoneyTotal } from "../domain/money.ts";
import type { Manner } from "./manners.ts";

export type SandboxEvent = { readonly at: Instant } & (
  | {
      readonly type: "file_taken";
      readonly name: string;
      /** Accepted rows and their money; refused ones have events of their own. */
      readonly rows: number;
      readonly refusedRows: number;
      readonly totals: readonly MoneyTotal[];
    }
  | { readonly type: "file_refused"; readonly name: string; readonly reason: string }
  | {
      readonly type: "row_refused";
      readonly name: string;
      readonly row: number;
      readonly orderId: string;
      readonly reasons: readonly string[];
    }
  /** `complete` is false for the half of a file that comes first with the manner `unterminated`. */
  | { readonly type: "result_written"; readonly name: string; readonly rows: number; readonly complete: boolean }
  /** With the manner `silent`: a result time went by without a file. */
  | { readonly type: "result_withheld" }
  /** A bad manner hit this order. */
  | { readonly type: "manner"; readonly manner: Manner; readonly orderId: string }
);
