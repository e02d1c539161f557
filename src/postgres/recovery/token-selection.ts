import { MasklineError } from "../../errors.ts";
import type { TokenRows } from "../../recovery/verify.ts";
import { type Database, DatabaseRefusal } from "../database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "../names.ts";
import { columnTypes, textOf } from "../token-search.ts";

export const operators = ["=", "!=", "<", "<=", ">", ">=", "like"] as const;

/** A column of the target table compared with a value: never SQL of whoever asks. */
export interface Condition {
  readonly column: string;
  readonly operator: (typeof operators)[number];
  readonly value: string;
}

export interface TokenSelection {
  readonly table: TableName;
  /** The masked column. */
  readonly column: string;
  /** All of them hold. */
  readonly conditions: readonly Condition[];
  readonly limit: number;
}

const fetchedRows = 10_000;

/**
 * The distinct tokens of the rows that fit, in an order that stays the same, at most `limit`. `onRead` is told how many have come.
 * @throws MasklineError `usage` for a column that the table does not have, or a value that its type does not read
 */
export async function selectTokens(
  database: Database,
  selection: TokenSelection,
  onRead: (tokens: number) => void,
): Promise<{ readonly tokens: readonly string[]; readonly more: boolean }> {
  const { table, column, conditions, limit } = selection;
  const types = await columnTypes(database, table, [column, ...conditions.map((one) => one.column)]);
  const parameters: unknown[] = [];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  const token = tokenText(column, requireColumn(types, table, column));
  const where = conditions.map(({ column: name, operator, value }) => {
    const castType = requireColumn(types, table, name);
    if (operator === "like") return `${quoteName(name)}::text LIKE ${parameter(value)}::text`;
    return `${quoteName(name)} ${operator === "!=" ? "<>" : operator} ${parameter(value)}::${castType}`;
  });
  const sql = `SELECT DISTINCT ${token} AS token FROM ${quoteTable(table)} WHERE ${[`${quoteName(column)} IS NOT NULL`, ...where].join(" AND ")}
     ORDER BY token LIMIT ${parameter(limit + 1)}::bigint`;
  const tokens: string[] = [];
  await explained(table, () =>
    database.transaction(
      `looking for tokens in ${showTable(table)}`,
      async (query) => {
        // read in parts: the driver's rows of a large answer would take several times the memory of its tokens
        await query(`DECLARE tokens NO SCROLL CURSOR FOR ${sql}`, parameters);
        for (;;) {
          const rows = await query<{ token: string }>(`FETCH ${fetchedRows} FROM tokens`);
          for (const row of rows) tokens.push(row.token);
          onRead(tokens.length);
          if (rows.length < fetchedRows) return;
        }
      },
      { unhurried: true },
    ),
  );
  return { tokens: tokens.slice(0, limit), more: tokens.length > limit };
}

/** The rows that carry any of these tokens: how many, and the first and last day in the column that holds the sent time. */
export async function countRowsWith(
  database: Database,
  { table, column, timeColumn }: { readonly table: TableName; readonly column: string; readonly timeColumn: string | null },
  tokens: readonly string[],
): Promise<readonly TokenRows[]> {
  const castType = requireColumn(await columnTypes(database, table, [column]), table, column);
  const token = tokenText(column, castType);
  const day = timeColumn === null ? "NULL" : `${quoteName(timeColumn)}::date`;
  return database.transaction(
    `counting rows in ${showTable(table)}`,
    (query) =>
      // the first condition can use an index of the column, the second is byte by byte, whatever the column's collation takes for equal
      query<TokenRows>(
        `SELECT ${token} AS token, count(*)::float8 AS rows, min(${day})::text AS "firstDay", max(${day})::text AS "lastDay"
         FROM ${quoteTable(table)} WHERE ${quoteName(column)} = ANY($1::text[]::${castType}[]) AND ${token} = ANY($1::text[]) GROUP BY 1`,
        [tokens],
      ),
    { unhurried: true },
  );
}

/** An address that stands in a column of addresses is written without the length of its network. */
function tokenText(column: string, castType: string): string {
  return castType === "pg_catalog.inet" ? `host(${quoteName(column)}) COLLATE "C"` : textOf(column);
}

function requireColumn(types: ReadonlyMap<string, string>, table: TableName, name: string): string {
  const type = types.get(name);
  if (type !== undefined) return type;
  throw new MasklineError("usage", `table ${showTable(table)} has no column ${name}`, {
    next: "--where takes columns of the target table: COLUMN=VALUE",
  });
}

/** A value that its column does not read is the asker's mistake, and none of the configuration's. */
async function explained<T>(table: TableName, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DatabaseRefusal) || !/^(?:22|42883|42804)/.test(error.failure.sqlState)) throw error;
    throw new MasklineError("usage", `a value of --where is none that its column in ${showTable(table)} can be compared with`, {
      next: "write the value as the column's type reads it: 2026-11-21 for a date, 7 for a number",
    });
  }
}
