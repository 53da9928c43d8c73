/** Columns of numbers grow by doubling: so each is copied once on the average. */
export function doubled<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(numbers: T): T {
  const larger = new (numbers.constructor as new (length: number) => T)(2 * numbers.length);
  larger.set(numbers);
  return larger;
}
