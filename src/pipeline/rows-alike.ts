/** Rows of a result file that are findings for the same reason, by the thousand: another merchant's file, or no result file at all. */
import type { NewBreak, ResultFileRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";

/** Of one file so many are breaks of their own: a million would fill ledger, memory and screen, and nobody would read them. */
const NAMED = 1_000;

export class RowsAlike {
  readonly #context: PipelineContext;
  readonly #file: ResultFileRecord;
  readonly #code: "malformed_result" | "unknown_order";
  readonly #what: string;
  #count = 0;
  #firstUnnamed = 0;

  /** `what`: the end of "from here on so many more rows …". */
  constructor(context: PipelineContext, file: ResultFileRecord, code: RowsAlike["code"], what: string) {
    this.#context = context;
    this.#file = file;
    this.#code = code;
    this.#what = what;
  }

  get code(): "malformed_result" | "unknown_order" {
    return this.#code;
  }

  /** False: it is one of too many, and `rest` speaks of it. */
  isNamed(line: number): boolean {
    this.#count += 1;
    if (this.#count > NAMED && this.#firstUnnamed === 0) this.#firstUnnamed = line;
    return this.#count <= NAMED;
  }

  /** One for all that have none of their own. */
  rest(): NewBreak[] {
    const left = this.#count - NAMED;
    if (left <= 0) return [];
    return [this.ofFile(this.#firstUnnamed, `from here on ${left} more rows ${this.#what}`, "the rest")];
  }

  /** About the file, and no order of ours. */
  ofFile(line: number, message: string, which: string): NewBreak {
    return {
      ...stamp(this.#context),
      code: this.#code,
      fingerprint: `file ${this.#file.sha256} ${which}`,
      orderId: "",
      file: this.#file.name,
      line,
      message,
      attemptId: undefined,
      batchId: undefined,
    };
  }
}
