/** CSV for people and their spreadsheets: neutralised, quoted where needed, one line per record. */
import { stringify } from "csv-stringify/sync";
import { neutralise } from "./printable.ts";

/** What csv-stringify writes as it stands. Nearly every cell of a biller's list is, and there are ten for each order there ever was. */
const PLAIN = /^[^",\r\n]+$/;

export function csvLines(records: readonly (readonly (string | number)[])[]): string {
  let lines = "";
  for (const record of records) {
    const cells = record.map((cell) => neutralise(String(cell)));
    lines +=
      cells.every((cell) => cell === "" || PLAIN.test(cell)) && cells.length > 1
        ? plainLine(cells)
        : stringify([cells]);
  }
  return lines;
}

function plainLine(cells: readonly string[]): string {
  return `${cells.join(",")}\n`;
}
