import { tokenPrefix } from "../masks/token.ts";
import type { Database } from "./database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "./names.ts";

/** A column that tokens were written to. */
export interface TokenColumn {
  readonly table: TableName;
  readonly column: string;
  readonly domain: string;
  /** The key of tokens that do not say it; null where they do. */
  readonly keyId: number | null;
  readonly ring: number;
}

/** How many rows of a column hold tokens of a key. */
export interface KeyCount {
  readonly table: TableName;
  readonly column: string;
  readonly keyId: number;
  readonly rows: number;
}

/** Notes where tokens are written, once for each column. */
export async function registerTokenColumns(database: Database, schema: string, columns: readonly TokenColumn[]): Promise<void> {
  const ring = columns[0]?.ring;
  if (ring === undefined) return;
  const known = new Set((await listTokenColumns(database, schema, ring)).map(nameOf));
  for (const column of columns.filter((one) => !known.has(nameOf(one)))) {
    await database.query(
      "noting where tokens are written",
      `INSERT INTO ${quoteName(schema)}.token_column (table_schema, table_name, column_name, domain, key_id, ring)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [column.table.schema, column.table.table, column.column, column.domain, column.keyId ?? 0, column.ring],
    );
  }
}

/** All columns of a ring, those of other pipelines included. */
export async function listTokenColumns(database: Database, schema: string, ring: number): Promise<readonly TokenColumn[]> {
  const rows = await database.query<{ schema: string; table: string; column: string; domain: string; keyId: number }>(
    "looking where tokens are written",
    `SELECT table_schema AS schema, table_name AS "table", column_name AS "column", domain, key_id::float8 AS "keyId"
     FROM ${quoteName(schema)}.token_column WHERE ring = $1 ORDER BY table_schema, table_name, column_name, domain, key_id`,
    [ring],
  );
  return rows.map(({ schema: tableSchema, table, column, domain, keyId }) => ({
    table: { schema: tableSchema, table },
    column,
    domain,
    keyId: keyId === 0 ? null : keyId,
    ring,
  }));
}

/**
 * Counts the rows of each key in the columns whose tokens say it, by their first six characters, in one reading of each table. A table
 * or column that is there no more holds nothing.
 */
export async function countTokens(
  database: Database,
  columns: readonly TokenColumn[],
  keyIds: readonly number[],
): Promise<readonly KeyCount[]> {
  const tagged = columns.filter(({ keyId }) => keyId === null);
  const tables = new Map(tagged.map(({ table }) => [showTable(table), table]));
  const counts: KeyCount[] = [];
  for (const table of tables.values()) {
    const named = [...new Set(tagged.filter((one) => showTable(one.table) === showTable(table)).map(({ column }) => column))];
    const present = await presentColumns(database, table, named);
    if (present.length === 0 || keyIds.length === 0) continue;
    // one aggregate for each column and key: a whole table is read once, and nothing is sorted
    const asked = present.flatMap((column) => keyIds.map((keyId, key) => ({ column, keyId, key: key + 1 })));
    const sums = asked.map(
      ({ column, key }, i) => `count(*) FILTER (WHERE left(${quoteName(column)}::text, 6) = $${key})::float8 AS n${i}`,
    );
    const [row] = await database.transaction(
      `counting the tokens in ${showTable(table)}`,
      (query) => query<Record<string, number>>(`SELECT ${sums.join(", ")} FROM ${quoteTable(table)}`, keyIds.map(tokenPrefix)),
      { unhurried: true },
    );
    asked.forEach(({ column, keyId }, i) => counts.push({ table, column, keyId, rows: row?.[`n${i}`] ?? 0 }));
  }
  return counts;
}

async function presentColumns(database: Database, table: TableName, columns: readonly string[]): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `looking at table ${showTable(table)}`,
    `SELECT a.attname AS name FROM pg_catalog.pg_attribute a
     JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = ANY($3) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table.schema, table.table, columns],
  );
  return rows.map(({ name }) => name);
}

function nameOf({ table, column, domain, keyId }: TokenColumn): string {
  return JSON.stringify([table.schema, table.table, column, domain, keyId]);
}
