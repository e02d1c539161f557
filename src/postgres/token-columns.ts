import { MasklineError } from "../errors.ts";
import type { TokenLayout } from "../recovery/token-layout.ts";
import type { Database, Query } from "./database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "./names.ts";
import { columnTypes, holdsTokens, Parameters } from "./token-search.ts";

/** A column that tokens were written to. */
export interface TokenColumn {
  readonly table: TableName;
  readonly column: string;
  readonly domain: string;
  readonly layout: TokenLayout;
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
      `INSERT INTO ${quoteName(schema)}.token_column (table_schema, table_name, column_name, domain, layout, key_id, ring)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
      [column.table.schema, column.table.table, column.column, column.domain, column.layout, column.keyId ?? 0, column.ring],
    );
  }
}

/** All columns of a ring, those of other pipelines included. */
export async function listTokenColumns(database: Database, schema: string, ring: number): Promise<readonly TokenColumn[]> {
  type Stored = Pick<TokenColumn, "column" | "domain" | "layout"> & { schema: string; table: string; keyId: number };
  const rows = await database.query<Stored>(
    "looking where tokens are written",
    `SELECT table_schema AS schema, table_name AS "table", column_name AS "column", domain, layout, key_id::float8 AS "keyId"
     FROM ${quoteName(schema)}.token_column WHERE ring = $1 ORDER BY table_schema, table_name, column_name, domain, layout, key_id`,
    [ring],
  );
  return rows.map(({ schema: tableSchema, table, column, domain, layout, keyId }) => ({
    table: { schema: tableSchema, table },
    column,
    domain,
    layout,
    keyId: keyId === 0 ? null : keyId,
    ring,
  }));
}

/**
 * Counts the rows of each key in the columns whose tokens say it, by how they begin, in one reading of each table: never too few. A
 * table or column that is there no more holds nothing.
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
    const inTable = tagged.filter((one) => showTable(one.table) === showTable(table));
    const named = [...new Set(inTable.map(({ column }) => column))];
    const present = [...(await columnTypes(database, table, named)).keys()];
    if (present.length === 0 || keyIds.length === 0) continue;
    // one aggregate for each column and key: a whole table is read once, and nothing is sorted
    const asked = present.flatMap((column) => keyIds.map((keyId) => ({ column, keyId })));
    const parameters = new Parameters();
    const sums = asked.map(({ column, keyId }, i) => {
      const written = inTable.filter((one) => one.column === column);
      const holds = new Set(written.map((one) => holdsTokens(column, one, keyId, parameters.add)));
      return `count(*) FILTER (WHERE ${[...holds].join(" OR ")})::float8 AS n${i}`;
    });
    const [row] = await database.transaction(
      `counting the tokens in ${showTable(table)}`,
      async (query) => {
        await refuseHidden(query, table);
        return query<Record<string, number>>(`SELECT ${sums.join(", ")} FROM ${quoteTable(table)}`, parameters.values);
      },
      { unhurried: true, unfiltered: true },
    );
    asked.forEach(({ column, keyId }, i) => counts.push({ table, column, keyId, rows: row?.[`n${i}`] ?? 0 }));
  }
  return counts;
}

/** Rows that this user does not see would count as none. What row security is behind a view is refused by the statement itself. */
async function refuseHidden(query: Query, table: TableName): Promise<void> {
  const [found] = await query<{ hidden: boolean }>("SELECT row_security_active($1::text) AS hidden", [quoteTable(table)]);
  if (found?.hidden !== true) return;
  throw new MasklineError(
    "target_misfit",
    `the rows of ${showTable(table)} cannot be counted: row-level security hides some from this user`,
    {
      next: "run it as the table's owner, or as a role with BYPASSRLS",
    },
  );
}

function nameOf({ table, column, domain, layout, keyId }: TokenColumn): string {
  return JSON.stringify([table.schema, table.table, column, domain, layout, keyId]);
}
