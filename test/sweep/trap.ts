/**
 * One fault at the k-th operation, k = 1, 2, … until a night meets none: as SQLite tests itself. The trap counts only what the
 * fault can happen to; `lasting` faults stay until the night has ended (a full disk, a server that is gone).
 */
export interface Fault<Op> {
  readonly name: string;
  readonly appliesTo?: (operation: Op) => boolean;
  readonly lasting?: boolean;
}

export class Trap<Op, F extends Fault<Op>> {
  #fault: F | undefined;
  #at = 0;
  #met = 0;
  /** What the fault befell first. */
  struck: Op | undefined;

  arm(fault: F, at: number): void {
    this.#fault = fault;
    this.#at = at;
    this.#met = 0;
    this.struck = undefined;
  }

  /** Was anything made to fail since it was armed? */
  disarm(): boolean {
    this.#fault = undefined;
    return this.#met >= this.#at;
  }

  /** Call it for each operation; the fault that it must suffer, if any. */
  meet(operation: Op): F | undefined {
    const fault = this.#fault;
    if (!fault || fault.appliesTo?.(operation) === false) return undefined;
    this.#met += 1;
    if (this.#met === this.#at) this.struck = operation;
    return this.#met === this.#at || (fault.lasting && this.#met > this.#at) ? fault : undefined;
  }
}

export interface Swept {
  readonly fault: string;
  /** How many operations it was played at. */
  readonly points: number;
  /** How many of these nights said that all was done. */
  readonly saidAllDone: number;
}

/** Plays a night for each k until one met no fault. `play` rejects where a promise was broken. */
export async function sweep<Op, F extends Fault<Op>>(
  trap: Trap<Op, F>,
  fault: F,
  play: (disarm: () => boolean) => Promise<{ readonly wasStruck: boolean; readonly saidAllDone: boolean }>,
): Promise<Swept> {
  const broken: string[] = [];
  let saidAllDone = 0;
  let k = 1;
  for (let isStruck = true; isStruck && k <= MOST_POINTS && broken.length < TOLD_AT_MOST; k++) {
    trap.arm(fault, k);
    try {
      const night = await play(() => trap.disarm());
      isStruck = night.wasStruck;
      if (isStruck && night.saidAllDone) saidAllDone += 1;
    } catch (error) {
      broken.push(
        `operation ${k}, ${JSON.stringify(trap.struck)}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  if (broken.length > 0 || k > MOST_POINTS) throw new Error(`broken at ${broken.length} points\n${broken.join("\n")}`);
  return { fault: fault.name, points: k - 2, saidAllDone };
}

/** A night that never ends cleanly must not be swept for ever. */
const MOST_POINTS = 1000;
const TOLD_AT_MOST = 20;

/** One line for each fault; docs/reliability.md tells the counts of the last recorded run. */
export function tableOf(what: string, swept: readonly Swept[]): string {
  const width = Math.max(...swept.map(({ fault }) => fault.length));
  const lines = swept.map(
    ({ fault, points, saidAllDone }) =>
      `  ${fault.padEnd(width)} ${String(points).padStart(4)} points, ${String(saidAllDone).padStart(4)} mended at once`,
  );
  const sum = swept.reduce((total, { points }) => total + points, 0);
  return `\nswept, ${what}: ${sum} points\n${lines.join("\n")}\n`;
}
