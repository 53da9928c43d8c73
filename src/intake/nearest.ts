/** The header somebody most likely meant, for messages. */

/** The nearest of `names`, letter case and separators aside; undefined if none is near. */
export function findNearest(wanted: string, names: readonly string[]): string | undefined {
  const plain = toPlain(wanted);
  const ranked = names
    .map((name) => ({ name, distance: distanceBetween(plain, toPlain(name)) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(plain.length / 3)) ? best.name : undefined;
}

function toPlain(name: string): string {
  // Longer than any column name: a cell of a file without a header is not worth measuring.
  return name
    .slice(0, 80)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
}

/** Levenshtein. */
function distanceBetween(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let at = 1; at <= right.length; at++) {
      const changed = (previous[at - 1] ?? 0) + (left[row - 1] === right[at - 1] ? 0 : 1);
      current.push(Math.min(changed, (previous[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
