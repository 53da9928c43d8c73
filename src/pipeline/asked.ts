/** Questions whose answers take a while, because another thread has them: the next few are asked before the first is answered. */
export class Asked<Question, Answer> {
  readonly #asked: { readonly question: Question; readonly answer: Promise<Answer> }[] = [];

  get count(): number {
    return this.#asked.length;
  }

  put(question: Question, answer: Promise<Answer>): void {
    // Looked at when it is its turn; until then its failure must not end the process.
    answer.catch(() => {});
    this.#asked.push({ question, answer });
  }

  /** The first that was asked. */
  async take(): Promise<{ readonly question: Question; readonly answer: Answer }> {
    const first = this.#asked.shift();
    if (!first) throw new Error("an answer to what was never asked");
    return { question: first.question, answer: await first.answer };
  }
}
