/** Attempts in the order of their ids, a page at a time: `read` is given the last id of the page before, first 0. */
export async function* pagesById<T extends { readonly attemptId: number }>(
  read: (last: number) => Promise<T[]>,
): AsyncGenerator<T[]> {
  let last = 0;
  for (;;) {
    const page = await read(last);
    const end = page.at(-1);
    if (!end) return;
    last = end.attemptId;
    yield page;
  }
}
