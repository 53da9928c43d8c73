/** Writes one night's export, and knows what is right to be said of it. */
import { addQuotedCell, type Cells, type Identity, makeCells, makeIdentity } from "./cells.ts";
import { Dice } from "./dice.ts";
import { FAULTS, type Fault } from "./faults.ts";
import { FileWriter } from "./files.ts";
import type { Shape } from "./shape.ts";

export interface NightOfData {
  readonly seed: number;
  /** Orders of different nights differ. */
  readonly night: number;
  readonly rows: number;
  /** The instant at which the export is judged: `--as-of`. */
  readonly nowMs: number;
}

/** What any program that obeys the rules must find. */
export interface ExpectedExport {
  readonly rows: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Problems; each rejected row has one. */
  readonly rejectedByCode: Readonly<Record<string, number>>;
  /** Currency → sum of the accepted rows in minor units. */
  readonly totalsMinor: Readonly<Record<string, number>>;
}

export async function writeExport(path: string, night: NightOfData, shape: Shape): Promise<ExpectedExport> {
  const file = new FileWriter(path);
  const rejectedByCode: Record<string, number> = {};
  const totalsMinor: Record<string, number> = {};
  let before: string | undefined;
  let accepted = 0;
  file.write(shape.columns.map(({ header }) => header).join(shape.delimiter) + shape.newline);
  for (let row = 0; row < night.rows; row++) {
    const dice = diceOf(night, row);
    const identity = makeIdentity(dice, night.night, row);
    const cells = makeCells(dice, identity, night.nowMs, shape.width);
    if (identity.isBad) {
      const fault = faultOf(dice, before);
      rejectedByCode[fault.code] = (rejectedByCode[fault.code] ?? 0) + 1;
      fault.spoil?.(cells, { nowMs: night.nowMs, before });
      // A damaged row is one line: how many rows a broken quoted line break makes is nobody's to say.
      if (!fault.damage) addQuotedCell(dice, cells);
      const line = formatRow(dice, cells, shape);
      file.write(fault.damage?.(line, shape.delimiter) ?? line);
      const full = file.write(shape.newline);
      if (full) await full;
      continue;
    }
    accepted += 1;
    before = identity.orderId;
    totalsMinor[identity.currency] = (totalsMinor[identity.currency] ?? 0) + identity.amountMinor;
    addQuotedCell(dice, cells);
    const full = file.write(formatRow(dice, cells, shape) + shape.newline);
    if (full) await full;
  }
  await file.end();
  return { rows: night.rows, accepted, rejected: night.rows - accepted, rejectedByCode, totalsMinor };
}

/** What a result file or an insert says of one row. */
export function identityOf(night: NightOfData, row: number): Identity {
  return makeIdentity(diceOf(night, row), night.night, row);
}

export function diceOf({ seed, night }: NightOfData, row: number): Dice {
  return new Dice(seed * 1_000 + night, row);
}

function faultOf(dice: Dice, before: string | undefined): Fault {
  const fault = dice.pick(FAULTS);
  const [plain] = FAULTS;
  // Nothing can be repeated before there is something.
  return before === undefined && plain ? plain : fault;
}

function formatRow(dice: Dice, cells: Cells, { columns, delimiter }: Shape): string {
  let line = "";
  for (const { name } of columns) {
    const cell = name === undefined ? dice.hex(1) : (cells[name] ?? "");
    line += (line === "" ? "" : delimiter) + (/[",;\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  }
  return line;
}
