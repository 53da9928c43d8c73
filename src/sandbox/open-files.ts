/** Files that some session has open, so that the provider does not take one that is still being written. */
import type { FilePlace } from "./drop-folders.ts";

export interface OpenFile {
  readonly fd: number;
  readonly writable: boolean;
  place: FilePlace;
}

export class OpenFiles {
  readonly #files = new Set<OpenFile>();

  isBeingWritten(path: string): boolean {
    return [...this.#files].some((file) => file.writable && file.place.path === path);
  }

  add(file: OpenFile): void {
    this.#files.add(file);
  }

  remove(file: OpenFile): void {
    this.#files.delete(file);
  }

  follow(from: FilePlace, to: FilePlace): void {
    for (const file of this.#files) if (file.place.path === from.path) file.place = to;
  }
}
