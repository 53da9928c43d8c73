/** The accepted rows of a taken export, from the archive: as fast as its hash allows, or as strictly as it takes to name the damage. */
import { CanonicalRows } from "../domain/canonical-rows.ts";
import { canonicalRow, readCanonical, readCanonicalBytes } from "../intake/canonical.ts";
import type { PipelineContext } from "./context.ts";

export interface ArchivedExport {
  readonly archivePath: string;
  readonly archived?: { readonly sizeBytes: number; readonly sha256: string } | undefined;
  /** This run has read it, and it is what was archived. */
  readonly isProven?: boolean;
}

/** In pages, in order. Throws an Error that names the file, and the line where there is one, if it is not what was archived. */
export async function* readArchivedRows(
  context: Pick<PipelineContext, "archive">,
  { archivePath, archived, isProven = false }: ArchivedExport,
): AsyncGenerator<CanonicalRows> {
  const path = context.archive.resolve(archivePath);
  // Exports of the first releases were archived without a hash.
  if (isProven || (archived && (await context.archive.hash(archivePath)).sha256 === archived.sha256)) {
    yield* readCanonicalBytes(path);
    return;
  }
  for await (const rebills of readCanonical(path)) if (!archived) yield toRows(rebills.map(canonicalRow));
  if (archived) throw new Error(`the archived export ${path} is damaged: it is not what was archived`);
}

function toRows(texts: readonly string[]): CanonicalRows {
  let end = 0;
  const ends = Uint32Array.from(texts, (text) => {
    end += Buffer.byteLength(text);
    return end;
  });
  return new CanonicalRows(Buffer.from(texts.join("")), ends);
}
