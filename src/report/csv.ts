/** CSV for people and their spreadsheets: neutralised, quoted where needed, one line per record. */
import { stringify } from "csv-stringify/sync";
import { neutralise } from "./printable.ts";

export function csvLines(records: readonly (readonly (string | number)[])[]): string {
  return stringify(records.map((record) => record.map((cell) => neutralise(String(cell)))));
}
