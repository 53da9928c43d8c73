/** The word somebody most likely meant, for messages about a key, a profile or a header that does not exist. */

/** The nearest of `words`, letter case and separators aside; undefined if none is near. */
export function findNearest(wanted: string, words: readonly string[]): string | undefined {
  const plain = toPlain(wanted);
  // Two: letters that changed places.
  const limit = Math.min(Math.max(2, Math.floor(plain.length / 3)), plain.length - 1);
  const ranked = words
    .map((word) => ({ word, plain: toPlain(word) }))
    // Cheap, and there may be thousands.
    .filter((other) => Math.abs(other.plain.length - plain.length) <= limit)
    .map((other) => ({ word: other.word, distance: distanceBetween(plain, other.plain) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= limit ? best.word : undefined;
}

function toPlain(word: string): string {
  // Longer than any word of ours: what somebody pasted by mistake is not worth measuring.
  return word
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
