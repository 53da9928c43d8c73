/**
 * DuckDB on two threads: reads the export, checks the same rules in SQL, copies the accepted rows out.
 * `npm install --prefix bench` brings it; without it the benchmark says so. `node duckdb.ts data.json FOLDER`
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COLUMNS } from "../../src/domain/columns.ts";
import type { Data } from "../make-data.ts";
import { COUNTRIES, CURRENCY_DECIMALS } from "./iso.ts";

/** What we use of `@duckdb/node-api`, which need not be installed to check the types. */
interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string, options: Record<string, string>): Promise<{ connect(): Promise<Connection> }>;
  };
}
interface Connection {
  run(sql: string): Promise<unknown>;
  runAndReadAll(sql: string): Promise<{ getRows(): unknown[][] }>;
}

const [describedIn = "", folder = ""] = process.argv.slice(2);
const data: Data = JSON.parse(readFileSync(describedIn, "utf8"));

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
const list = (texts: Iterable<string>) => `(${[...texts].map(quoted).join(", ")})`;
const now = `TIMESTAMPTZ ${quoted(data.asOf)}`;
const headerOf = new Map(data.shape.columns.map(({ name, header }) => [name, header]));
const ours = COLUMNS.map(({ name }) => {
  const header = headerOf.get(name);
  return header === undefined ? `NULL AS ${name}` : `"${header}" AS ${name}`;
});

const foreign = data.shape.columns.flatMap(({ name, header }) => (name === undefined ? [`"${header}"`] : []));
// Told all that the file's makers know: guessing would cost it time, and now and then the file.
const columns = data.shape.columns.map(({ header }) => `${quoted(header)}: 'VARCHAR'`).join(", ");
const source = `SELECT ${[...ours, ...foreign].join(", ")}
  FROM read_csv(${quoted(data.exportPath)}, header = true, columns = {${columns}}, auto_detect = false,
    delim = ${quoted(data.shape.delimiter)}, quote = '"', escape = '"', store_rejects = true)`;

/** A number that is no part of a longer word; RE2 has no look-around, so its neighbours are part of the match. */
const EDGE = "[^0-9A-Za-z_.]";
const CARD = `(?:^|${EDGE})([0-9]{13,19}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{1,7}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{5})(?:${EDGE}|$)`;
const cells = data.shape.columns.map(({ name, header }) => name ?? `"${header}"`).join(", ");
// Once over the whole row is several times faster than once over each cell.
const row = `concat_ws('|', ${cells})`;
const digits = `regexp_replace(found, '[^0-9]', '', 'g')`;
const luhn = `list_sum(list_transform(range(1, length(${digits}) + 1), lambda place: CASE
  WHEN place % 2 = 1 THEN ${digits}[-place]::INTEGER
  WHEN ${digits}[-place]::INTEGER > 4 THEN ${digits}[-place]::INTEGER * 2 - 9
  ELSE ${digits}[-place]::INTEGER * 2 END)) % 10 = 0`;
const holdsCardNumber = `CASE WHEN regexp_matches(${row}, '[0-9]{13}|[0-9]{4}[ -][0-9]{4}[ -]|[0-9]{4}[ -][0-9]{6}[ -]')
  THEN len(list_filter(regexp_extract_all(${row}, ${quoted(CARD)}, 1), lambda found: ${luhn})) > 0 ELSE false END`;

/** Each is true of a row that breaks it; NULL (an empty cell) breaks nothing. */
function cellRules(): [condition: string, reason: string][] {
  return COLUMNS.flatMap(({ name, kind, required, min, max }) => {
    const rules: [string, string][] = required ? [[`${name} IS NULL`, `${name} missing`]] : [];
    const not = (condition: string) => rules.push([`NOT (${condition})`, `${name} malformed`]);
    if (!["currency", "country", "month", "year"].includes(kind))
      rules.push([`length(${name}) > ${max}`, `${name} too long`]);
    if (kind === "order_id") not(`regexp_full_match(${name}, '[A-Za-z0-9._:-]+')`);
    if (kind === "ascii_id") not(`length(${name}) >= ${min} AND NOT regexp_matches(${name}, '^ | $|[^ -~]')`);
    if (kind === "instant") not(`${name} IS NULL OR TRY_CAST(${name} AS TIMESTAMPTZ) IS NOT NULL`);
    if (kind === "amount") not(`regexp_full_match(${name}, '[0-9]+(?:\\.[0-9]+)?')`);
    if (kind === "currency") not(`${name} IN ${list(CURRENCY_DECIMALS.keys())}`);
    if (kind === "country") not(`${name} IN ${list(COUNTRIES)}`);
    if (kind === "digits") not(`regexp_full_match(${name}, '[0-9]{${min},${max}}')`);
    if (kind === "month") not(`regexp_full_match(${name}, '0?[1-9]|1[0-2]')`);
    if (kind === "year") not(`regexp_full_match(${name}, '[0-9]{4}')`);
    if (kind === "positive_integer") not(`regexp_full_match(${name}, '[1-9][0-9]*')`);
    return rules;
  });
}

function rowRules(): [condition: string, reason: string][] {
  const decimals = (places: number) =>
    list([...CURRENCY_DECIMALS].filter(([, count]) => count === places).map(([currency]) => currency));
  const allowed = `CASE WHEN currency IN ${decimals(0)} THEN 0 WHEN currency IN ${decimals(3)} THEN 3 ELSE 2 END`;
  const expires = "coalesce(expires_at::TIMESTAMPTZ, declined_at::TIMESTAMPTZ + INTERVAL 21 DAY)";
  return [
    [`length(split_part(amount, '.', 2)) > ${allowed}`, "amount has too many decimals"],
    ["amount::DECIMAL(18, 4) <= 0", "amount is not positive"],
    ["currency = 'USD' AND amount::DECIMAL(18, 4) > 5000", "amount is over the limit"],
    [
      `(decline_code_source IN ('visa', 'mastercard', 'iso8583') AND decline_code IN ('0', '00', '000', '08', '10', '11', '85'))
        OR (decline_code_source = 'nmi' AND decline_code = '100')`,
      "not declined",
    ],
    [`date_diff('day', declined_at::TIMESTAMPTZ, ${now}) > 1`, "declined_at is stale"],
    [`declined_at::TIMESTAMPTZ > ${now} + INTERVAL 5 MINUTE`, "declined_at lies in the future"],
    [`${expires} <= ${now} OR ${expires} - declined_at::TIMESTAMPTZ < INTERVAL 14 DAY`, "window too short"],
    ["(card_exp_month IS NULL) <> (card_exp_year IS NULL)", "half an expiry"],
    [`regexp_matches(${row}, '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]')`, "control character"],
    [holdsCardNumber, "card number"],
  ];
}

const rules = [...cellRules(), ...rowRules()].map(([condition, reason]) => `WHEN ${condition} THEN ${quoted(reason)}`);
const repeated = (column: string) => `rowid IN (SELECT rowid FROM checked WHERE fault IS NULL AND ${column} IN (
  SELECT ${column} FROM checked WHERE fault IS NULL GROUP BY ${column} HAVING count(*) > 1)
  QUALIFY row_number() OVER (PARTITION BY ${column} ORDER BY rowid) > 1)`;

const specifier = "@duckdb/node-api";
const { DuckDBInstance } = (await import(specifier)) as DuckDb;
const db = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
await db.run("SET TimeZone = 'UTC'");
await db.run(`CREATE TABLE checked AS SELECT *, CASE ${rules.join("\n")} END AS fault FROM (${source})`);
await db.run(`UPDATE checked SET fault = 'duplicate' WHERE ${repeated("order_id")} OR ${repeated("transaction_id")}`);
const accepted = `SELECT ${COLUMNS.map(({ name }) => name).join(", ")} FROM checked WHERE fault IS NULL`;
await db.run(`COPY (${accepted}) TO ${quoted(join(folder, "accepted.csv"))} (HEADER)`);
await db.run(
  `COPY (SELECT order_id, fault FROM checked WHERE fault IS NOT NULL) TO ${quoted(join(folder, "rejected.csv"))} (HEADER)`,
);
const count = async (sql: string) => Number((await db.runAndReadAll(sql)).getRows()[0]?.[0]);
const unreadable = await count("SELECT count(DISTINCT line) FROM reject_errors");
console.log(
  JSON.stringify({
    accepted: await count("SELECT count(*) FROM checked WHERE fault IS NULL"),
    rejected: unreadable + (await count("SELECT count(*) FROM checked WHERE fault IS NOT NULL")),
  }),
);
