import { MasklineError } from "../../errors.ts";
import { frequentValues, type SizeCount, type ValueCounts } from "../../recovery/risk.ts";
import type { Query } from "../database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "../names.ts";

/** What is read of a table: all of it, or whole pages by chance. */
export interface Reading {
  readonly table: TableName;
  /** In percent; null for all of it. */
  readonly percent: number | null;
}

/** The same pages in every statement. */
const sampleSeed = 1;

/** How many rows the planner takes a table for; and its columns. Refuses where row-level security would hide rows from this user. */
export async function lookAtTable(
  query: Query,
  table: TableName,
): Promise<{ readonly rows: number; readonly columns: readonly string[] }> {
  const [found] = await query<{ there: boolean; hidden: boolean | null }>(
    `SELECT to_regclass($1) IS NOT NULL AS there, CASE WHEN to_regclass($1) IS NOT NULL THEN row_security_active($1::text) END AS hidden`,
    [quoteTable(table)],
  );
  if (found?.there !== true) {
    throw new MasklineError("target_misfit", `there is no table ${showTable(table)} (quoted: ${quoteTable(table)})`, {
      next: "create it, or name another in sink.postgres.table",
    });
  }
  if (found.hidden === true) {
    throw new MasklineError(
      "target_misfit",
      `the rows of ${showTable(table)} cannot be counted: row-level security hides some from this user`,
      {
        next: "run it as the table's owner, or as a role with BYPASSRLS",
      },
    );
  }
  const columns = await query<{ name: string }>(
    `SELECT attname AS name FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass($1)::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [quoteTable(table)],
  );
  // also right for a table that was never analysed, has grown since, or has partitions
  const [plan] = await query<{ "QUERY PLAN": readonly [{ readonly Plan: { readonly "Plan Rows": number } }] }>(
    `EXPLAIN (FORMAT JSON) SELECT 1 FROM ${quoteTable(table)}`,
  );
  return { rows: plan?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0, columns: columns.map(({ name }) => name) };
}

/** What is counted of a column. */
export interface CountedColumn {
  readonly column: string;
  /** Where its tokens can be of several keys: the domain, and the schema whose aliases tell which are of one value. */
  readonly aliases: { readonly schema: string; readonly domain: string } | null;
  /** How the tokens begin that the ring at hand has a key for. */
  readonly prefixes: readonly string[];
}

/** Counts the values of a column in one reading, byte by byte, and how many rows hold tokens that begin in one of these ways. */
export async function countValues(
  query: Query,
  reading: Reading,
  { column, aliases, prefixes }: CountedColumn,
): Promise<ValueCounts & { readonly held: number }> {
  const token = textOf(column);
  const join =
    aliases === null
      ? ""
      : `LEFT JOIN ${quoteName(aliases.schema)}.alias AS alias ON alias.domain = $2::text AND alias.token = ${token}`;
  const value = aliases === null ? token : `coalesce(alias.canonical, ${token})`;
  const [row] = await query<ValueCounts & { held: number }>(
    `WITH counted AS (
       SELECT ${value} IS NULL AS missing, count(*)::float8 AS n,
         count(*) FILTER (WHERE left(${token}, 6) = ANY ($1::text[]))::float8 AS held
       FROM ${sourceOf(reading)} ${join} GROUP BY ${value}
     )
     SELECT coalesce(sum(n), 0) AS rows, coalesce(sum(n) FILTER (WHERE missing), 0) AS nulls,
       count(*) FILTER (WHERE NOT missing)::float8 AS distinct, coalesce(sum(held), 0) AS held,
       coalesce(sum(n * ln(n)) FILTER (WHERE NOT missing), 0) / ln(2::float8) AS weighted,
       ARRAY(SELECT n FROM counted WHERE NOT missing ORDER BY n DESC LIMIT ${String(frequentValues)}) AS top
     FROM counted`,
    [prefixes, ...(aliases === null ? [] : [aliases.domain])],
  );
  return row ?? { rows: 0, nulls: 0, distinct: 0, held: 0, weighted: 0, top: [] };
}

/** Rows that are equal in these columns, NULL like any value: how large the groups are, in people or, where no column tells them apart, in rows. */
export async function countGroups(
  query: Query,
  reading: Reading,
  columns: readonly string[],
  userColumn: string | null,
): Promise<readonly SizeCount[]> {
  return query<SizeCount>(
    `SELECT size, count(*)::float8 AS groups, sum(n)::float8 AS rows FROM (
       SELECT ${sizeOf(userColumn)} AS size, count(*) AS n FROM ${sourceOf(reading)} ${grouping(columns)}
     ) AS grouped GROUP BY size ORDER BY size`,
  );
}

/** A group of rows that are equal in the columns asked for. */
export type Group = {
  readonly values: readonly (string | null)[];
  readonly size: number;
  readonly rows: number;
};

/** The groups that are smaller than k, the smallest first. */
export async function listSmallGroups(
  query: Query,
  reading: Reading,
  columns: readonly string[],
  userColumn: string | null,
  k: number,
  limit: number,
): Promise<readonly Group[]> {
  return query<Group>(
    `SELECT ARRAY[${columns.map(textOf).join(", ")}] AS values, ${sizeOf(userColumn)} AS size, count(*)::float8 AS rows
     FROM ${sourceOf(reading)} ${grouping(columns)} HAVING ${sizeOf(userColumn)} < $1 ORDER BY 2, 3, 1 LIMIT $2`,
    [k, limit],
  );
}

/** People without a name are one each group at the most that is sure: taken for one. */
function sizeOf(userColumn: string | null): string {
  if (userColumn === null) return "count(*)::float8";
  const user = `target.${quoteName(userColumn)}`;
  return `(count(DISTINCT ${user}) + (CASE WHEN bool_or(${user} IS NULL) THEN 1 ELSE 0 END))::float8`;
}

function grouping(columns: readonly string[]): string {
  return columns.length === 0 ? "HAVING count(*) > 0" : `GROUP BY ${columns.map(textOf).join(", ")}`;
}

/** As it is shown, byte by byte: types without an equality of their own (json) have one so, and collations make nothing equal. */
function textOf(column: string): string {
  return `target.${quoteName(column)}::text COLLATE "C"`;
}

function sourceOf({ table, percent }: Reading): string {
  const sample = percent === null ? "" : ` TABLESAMPLE SYSTEM (${String(percent)}) REPEATABLE (${String(sampleSeed)})`;
  return `${quoteTable(table)} AS target${sample}`;
}
