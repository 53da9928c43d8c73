/** Rows of a result file that cannot be read → breaks. */
import type { NewBreak, ResultFileRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";

/** Of one file so many are breaks of their own: a file of another kind would fill ledger, memory and screen with its lines. */
const NAMED_MALFORMED = 1_000;

export class MalformedRows {
  readonly #context: PipelineContext;
  readonly #file: ResultFileRecord;
  #count = 0;
  #firstUnnamed = 0;

  constructor(context: PipelineContext, file: ResultFileRecord) {
    this.#context = context;
    this.#file = file;
  }

  add(line: number, why: string): NewBreak[] {
    this.#count += 1;
    if (this.#count <= NAMED_MALFORMED) return [this.#breakAt(line, why, `line ${line}`)];
    if (this.#firstUnnamed === 0) this.#firstUnnamed = line;
    return [];
  }

  /** One for all that have none of their own. */
  rest(): NewBreak[] {
    const left = this.#count - NAMED_MALFORMED;
    if (left <= 0) return [];
    return [this.#breakAt(this.#firstUnnamed, `from here on ${left} more rows of the file cannot be read`, "the rest")];
  }

  #breakAt(line: number, message: string, which: string): NewBreak {
    return {
      ...stamp(this.#context),
      code: "malformed_result",
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
