import { MasklineError } from "../../errors.ts";
import type { TokenRows } from "../../recovery/verify.ts";
import { Comparisons } from "../comparisons.ts";
import { type Database, DatabaseRefusal, type Query } from "../database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "../names.ts";
import { columnTypes, textOf } from "../token-search.ts";

export const operators = ["=", "!=", "<", "<=", ">", ">=", "like"] as const;

/** A column of the target table compared with a value: never SQL of whoever asks. */
export interface Condition {
  readonly column: string;
  readonly operator: (typeof operators)[number];
  readonly value: string;
}

/** Where tokens stand in the target table. */
export interface TokenPlace {
  readonly table: TableName;
  readonly column: string;
  /** Finds the tokens in one value of the column, as a text; null where each value is one. */
  readonly find: ((value: string) => readonly string[]) | null;
}

export interface TokenSelection extends TokenPlace {
  /** All of them hold. */
  readonly conditions: readonly Condition[];
  readonly limit: number;
}

const fetchedTokens = 10_000;
/** Of values that hold tokens: a document may have a megabyte. */
const fetchedValues = 200;

/**
 * The distinct tokens of the rows that fit, in an order that stays the same, at most `limit`. `onRead` is told how many have come.
 * @throws MasklineError `target_misfit` where the table does not have the contract's column, `usage` for another one that it does not have,
 *   or a value that its type does not read
 */
export async function selectTokens(
  database: Database,
  selection: TokenSelection,
  onRead: (tokens: number) => void,
): Promise<{ readonly tokens: readonly string[]; readonly more: boolean }> {
  const { table, column, find, conditions, limit } = selection;
  const types = await columnTypes(database, table, [column, ...conditions.map((one) => one.column)]);
  const comparisons = await comparisonsIn(database, table, types);
  const parameters: unknown[] = [];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  const text = valueText(column, typeOfOwn(types, table, column));
  const where = conditions.map(({ column: name, operator, value }) => {
    const castType = typeOfAsked(types, table, name);
    if (operator === "like") return `${quoteName(name)}::text LIKE ${parameter(value)}::text`;
    return comparisons.compare(castType, quoteName(name), operator, `${parameter(value)}::${castType}`);
  });
  // a value with several tokens, or none, is no measure of how many there are
  const most = find === null ? limit + 1 : null;
  const fetched = find === null ? fetchedTokens : fetchedValues;
  const sql = `SELECT DISTINCT ${text} AS value FROM ${quoteTable(table)} WHERE ${[`${quoteName(column)} IS NOT NULL`, ...where].join(" AND ")}
     ORDER BY value LIMIT ${parameter(most)}::bigint`;
  const tokens = new Set<string>();
  await explained(table, () =>
    database.transaction(
      `looking for tokens in ${showTable(table)}`,
      async (query) => {
        // read in parts: the driver's rows of a large answer would take several times the memory of its tokens
        await query(`DECLARE tokens NO SCROLL CURSOR FOR ${sql}`, parameters);
        for (;;) {
          const rows = await query<{ value: string }>(`FETCH ${fetched} FROM tokens`);
          for (const { value } of rows) for (const token of find?.(value) ?? [value]) tokens.add(token);
          onRead(tokens.size);
          if (rows.length < fetched || tokens.size > limit) return;
        }
      },
      { unhurried: true },
    ),
  );
  return { tokens: [...tokens].slice(0, limit), more: tokens.size > limit };
}

/** Where rows are counted, and the column of the sent time, where there is one, that their days are told from. */
export interface CountedPlace extends TokenPlace {
  readonly timeColumn: string | null;
}

/**
 * The rows that carry any of these tokens, a line for each token that some do: how many, and the first and last day.
 * @throws MasklineError `target_misfit` where the table does not have the contract's column
 */
export async function countRowsWith(
  database: Database,
  place: CountedPlace,
  tokens: readonly string[],
): Promise<readonly TokenRows[]> {
  const types = await columnTypes(database, place.table, [place.column]);
  const castType = typeOfOwn(types, place.table, place.column);
  const equals = (await comparisonsIn(database, place.table, types)).operator(castType, "=");
  return database.transaction(
    `counting rows in ${showTable(place.table)}`,
    (query) =>
      place.find === null ? countWhole(query, place, castType, equals, tokens) : countInside(query, place, place.find, tokens),
    { unhurried: true },
  );
}

function countWhole(
  query: Query,
  { table, column, timeColumn }: CountedPlace,
  castType: string,
  equals: string,
  tokens: readonly string[],
): Promise<readonly TokenRows[]> {
  const text = valueText(column, castType);
  const day = dayOf(timeColumn);
  // the first condition can use an index of the column, the second is byte by byte, whatever the column's collation takes for equal
  return query<TokenRows>(
    `SELECT ${text} AS token, count(*)::float8 AS rows, min(${day})::text AS "firstDay", max(${day})::text AS "lastDay"
     FROM ${quoteTable(table)} WHERE ${quoteName(column)} ${equals} ANY($1::text[]::${castType}[]) AND ${text} = ANY($1::text[]) GROUP BY 1`,
    [tokens],
  );
}

/** Reads every value that has one of the tokens anywhere in it, and counts those that have it in its place. */
async function countInside(
  query: Query,
  { table, column, timeColumn }: CountedPlace,
  find: NonNullable<TokenPlace["find"]>,
  tokens: readonly string[],
): Promise<readonly TokenRows[]> {
  const text = textOf(column);
  // as a text holds a token, and as JSON does
  const needles = tokens.flatMap((token) => [token, JSON.stringify(token).slice(1, -1)]);
  await query(
    `DECLARE holders NO SCROLL CURSOR FOR SELECT ${text} AS value, ${dayOf(timeColumn)}::text AS day FROM ${quoteTable(table)}
     WHERE EXISTS (SELECT FROM unnest($1::text[]) AS needle WHERE strpos(${text}, needle) > 0)`,
    [needles],
  );
  const counted = new Map(tokens.map((token): [string, TokenRows] => [token, { token, rows: 0, firstDay: null, lastDay: null }]));
  for (;;) {
    const rows = await query<{ value: string; day: string | null }>(`FETCH ${fetchedValues} FROM holders`);
    for (const { value, day } of rows) {
      for (const token of new Set(find(value))) {
        const before = counted.get(token);
        if (before !== undefined) counted.set(token, withRow(before, day));
      }
    }
    if (rows.length < fetchedValues) return [...counted.values()].filter((one) => one.rows > 0);
  }
}

function withRow({ token, rows, firstDay, lastDay }: TokenRows, day: string | null): TokenRows {
  return {
    token,
    rows: rows + 1,
    firstDay: firstDay === null || (day !== null && day < firstDay) ? day : firstDay,
    lastDay: lastDay === null || (day !== null && day > lastDay) ? day : lastDay,
  };
}

function dayOf(timeColumn: string | null): string {
  return timeColumn === null ? "NULL" : `${quoteName(timeColumn)}::date`;
}

/** An address that stands in a column of addresses is written without the length of its network. */
function valueText(column: string, castType: string): string {
  return castType === "pg_catalog.inet" ? `host(${quoteName(column)}) COLLATE "C"` : textOf(column);
}

function comparisonsIn(database: Database, table: TableName, types: ReadonlyMap<string, string>): Promise<Comparisons> {
  const query: Query = (sql, parameters) => database.query(`looking at table ${showTable(table)}`, sql, parameters);
  return Comparisons.of(query, [...types.values()]);
}

/** Of a column that the contract fills. */
function typeOfOwn(types: ReadonlyMap<string, string>, table: TableName, name: string): string {
  const type = types.get(name);
  if (type !== undefined) return type;
  throw new MasklineError("target_misfit", `table ${showTable(table)} has no column ${name}, which the contract fills`, {
    next: "maskline check --connect lists everything that does not fit",
  });
}

/** Of a column that whoever asks has named. */
function typeOfAsked(types: ReadonlyMap<string, string>, table: TableName, name: string): string {
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
