/** Random numbers of one row: the same seed and row give the same row, in whatever order rows are made. */
export class Dice {
  #state: number;

  constructor(seed: number, row: number) {
    // Two rounds of murmur3's mixer: neighbouring rows must have nothing in common.
    this.#state = mix(mix(seed ^ 0x9e3779b9) ^ row);
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * count);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  digits(count: number): string {
    return String(this.below(10 ** count)).padStart(count, "0");
  }

  /** 8 hexadecimal digits for each word. */
  hex(words: number): string {
    let text = "";
    for (let word = 0; word < words; word++)
      text += this.below(2 ** 32)
        .toString(16)
        .padStart(8, "0");
    return text;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T];
    }
    return shuffled;
  }
}

function mix(seed: number): number {
  let value = seed | 0;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
