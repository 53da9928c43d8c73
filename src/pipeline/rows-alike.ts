/** Rows of a result file that are findings for the same reason, by the thousand: another merchant's file, or no result file at all. */
import type { NewBreak, ResultFileRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { pagesOf } from "./pages.ts";

/** Of one file so many are breaks of their own: a million would fill ledger, memory and screen, and nobody would read them. */
const NAMED = 1_000;

type AlikeCode = "malformed_result" | "unknown_order";

export class RowsAlike {
  readonly #context: PipelineContext;
  readonly #file: ResultFileRecord;
  readonly #code: AlikeCode;
  readonly #what: string;
  #count = 0;
  #firstUnnamed = 0;
  /** Of this file, recorded or not yet. */
  readonly #named = new Set<string>();

  /** `what`: the end of "from here on so many more rows …". */
  constructor(context: PipelineContext, file: ResultFileRecord, code: AlikeCode, what: string) {
    this.#context = context;
    this.#file = file;
    this.#code = code;
    this.#what = what;
  }

  /**
   * Given in the order of the file: those that are told one by one. Whatever was told before, and so many new ones of the file;
   * where it is applied again and its rest was told, nothing of it is new.
   */
  async named(found: readonly NewBreak[]): Promise<NewBreak[]> {
    if (found.length === 0) return [];
    const told = new Set<string>();
    for (const page of pagesOf(found)) for (const fingerprint of await this.#toldOf(page)) told.add(fingerprint);
    const [rest] = await this.#toldOf([this.#restFrom(0, 0)]);
    return found.filter(({ fingerprint, line }) => {
      if (told.has(fingerprint) || this.#named.has(fingerprint)) return true;
      if (rest !== undefined) return false;
      this.#count += 1;
      if (this.#count > NAMED && this.#firstUnnamed === 0) this.#firstUnnamed = line;
      if (this.#count > NAMED) return false;
      this.#named.add(fingerprint);
      return true;
    });
  }

  /** One for all that have none of their own. */
  rest(): NewBreak[] {
    const left = this.#count - NAMED;
    return left > 0 ? [this.#restFrom(this.#firstUnnamed, left)] : [];
  }

  #restFrom(line: number, left: number): NewBreak {
    return this.ofFile(line, `from here on ${left} more rows ${this.#what}`, "the rest");
  }

  async #toldOf(found: readonly NewBreak[]): Promise<string[]> {
    const fingerprints = found.map(({ fingerprint }) => fingerprint);
    return (await this.#context.ledger.findBreaks(this.#code, fingerprints)).map(({ fingerprint }) => fingerprint);
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
