/** The breaks that rows of one result file gave, in whatever order they were decided: told in the order of their lines. */
import type { FoundBreak } from "../domain/reconcile.ts";
import type { NewBreak, ResultFileRecord, Stamp } from "../ledger/ledger.ts";
import type { MalformedLine } from "../profiles/row-decoder.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { pagesOf } from "./pages.ts";
import { RowsAlike } from "./rows-alike.ts";

const UNKNOWN_TOO = "are for orders that were never sent from here; is it another merchant's file?";

export class RowFindings {
  readonly #now: Stamp;
  readonly #unreadable: RowsAlike;
  readonly #unknown: RowsAlike;
  #breaks: NewBreak[] = [];
  /** Of the page. */
  #strangers: NewBreak[] = [];
  /** Not broken down into breaks before they are in order: there may be a million, and few of them are named. */
  #malformed: MalformedLine[] = [];

  constructor(context: PipelineContext, file: ResultFileRecord) {
    this.#now = stamp(context);
    this.#unreadable = new RowsAlike(context, file, "malformed_result", "of the file cannot be read");
    this.#unknown = new RowsAlike(context, file, "unknown_order", UNKNOWN_TOO);
  }

  add(found: FoundBreak): void {
    (found.code === "unknown_order" ? this.#strangers : this.#breaks).push({ ...found, ...this.#now });
  }

  /** Rows of unknown orders come in the order of the file: which of them are named is decided page by page. */
  async endPage(malformed: readonly MalformedLine[]): Promise<void> {
    for (const line of malformed) this.#malformed.push(line);
    for (const stranger of await this.#unknown.named(this.#strangers)) this.#breaks.push(stranger);
    this.#strangers = [];
  }

  /** Those of the stretch that ends here. */
  async take(): Promise<NewBreak[]> {
    for (const page of pagesOf(this.#malformed.toSorted((a, b) => a.line - b.line))) {
      const unreadable = page.map(({ line, malformed }) => this.#unreadable.ofFile(line, malformed, `line ${line}`));
      this.#breaks.push(...(await this.#unreadable.named(unreadable)));
    }
    const breaks = this.#breaks.toSorted((a, b) => a.line - b.line);
    this.#breaks = [];
    this.#malformed = [];
    return breaks;
  }

  /** One for all that have none of their own. */
  rest(): NewBreak[] {
    return [...this.#unreadable.rest(), ...this.#unknown.rest()];
  }
}
