import { MasklineError } from "../errors.ts";
import type { TokenLayout } from "../recovery/token-layout.ts";
import type { Database, Query } from "./database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "./names.ts";
import { holdsTokens, Parameters } from "./token-search.ts";

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

/** A column in which tokens may stand now. */
export interface TokenPlace extends TokenColumn {
  /** The table itself, whatever its name. */
  readonly relation: number;
}

/** How many rows of a column hold tokens of a key. */
export interface KeyCount {
  readonly table: TableName;
  readonly column: string;
  readonly keyId: number;
  readonly rows: number;
}

/** Notes where tokens are written, once for each column, and once more where a name has come to stand for another table. */
export async function registerTokenColumns(database: Database, schema: string, columns: readonly TokenColumn[]): Promise<void> {
  if (columns.length === 0) return;
  await database.query(
    "noting where tokens are written",
    `INSERT INTO ${quoteName(schema)}.token_column
       (table_schema, table_name, column_name, domain, layout, key_id, ring, relation, attribute)
     SELECT written.*, coalesce(c.oid, 0), coalesce(a.attnum, 0)
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
       AS written (table_schema, table_name, column_name, domain, layout, key_id, ring)
     LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
       ON n.nspname = written.table_schema AND c.relname = written.table_name
     LEFT JOIN pg_catalog.pg_attribute a
       ON a.attrelid = c.oid AND a.attname = written.column_name AND a.attnum > 0 AND NOT a.attisdropped
     ON CONFLICT DO NOTHING`,
    [
      columns.map(({ table }) => table.schema),
      columns.map(({ table }) => table.table),
      columns.map(({ column }) => column),
      columns.map(({ domain }) => domain),
      columns.map(({ layout }) => layout),
      columns.map(({ keyId }) => keyId ?? 0),
      columns.map(({ ring }) => ring),
    ],
  );
}

/**
 * Where tokens of a ring may be now, those of other pipelines included, under the names that stand for it now: the columns that were
 * registered, wherever they were renamed or moved to, and those that have the registered names today (a table that was restored from a
 * dump is another one to the database). A table or column that was dropped took its rows along.
 */
export async function listTokenColumns(database: Database, schema: string, ring: number): Promise<readonly TokenPlace[]> {
  type Stored = Pick<TokenPlace, "column" | "domain" | "layout" | "relation"> & { schema: string; table: string; keyId: number };
  const own = `${quoteName(schema)}.token_column`;
  const rows = await database.query<Stored>(
    "looking where tokens are written",
    `SELECT DISTINCT n.nspname AS schema, c.relname AS "table", c.oid::bigint::float8 AS relation, a.attname AS "column", a.attnum, place.domain, place.layout,
            place.key_id::float8 AS "keyId"
     FROM (
       SELECT relation, attribute, domain, layout, key_id FROM ${own} WHERE ring = $1
       UNION
       SELECT named.oid, a.attnum, t.domain, t.layout, t.key_id FROM ${own} t
       JOIN pg_catalog.pg_namespace n ON n.nspname = t.table_schema
       JOIN pg_catalog.pg_class named ON named.relnamespace = n.oid AND named.relname = t.table_name
       JOIN pg_catalog.pg_attribute a ON a.attrelid = named.oid AND a.attname = t.column_name
       WHERE t.ring = $1
     ) AS place
     JOIN pg_catalog.pg_class c ON c.oid = place.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_attribute a
       ON a.attrelid = c.oid AND a.attnum = place.attribute AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY n.nspname, c.relname, a.attnum, place.domain, place.layout, "keyId"`,
    [ring],
  );
  return rows.map(({ schema: tableSchema, table, relation, column, domain, layout, keyId }) => ({
    table: { schema: tableSchema, table },
    column,
    domain,
    layout,
    keyId: keyId === 0 ? null : keyId,
    ring,
    relation,
  }));
}

/** Counts the rows of each key in the columns whose tokens say it, by how they begin, in one reading of each table: never too few. */
export async function countTokens(
  database: Database,
  columns: readonly TokenPlace[],
  keyIds: readonly number[],
): Promise<readonly KeyCount[]> {
  const tagged = columns.filter(({ keyId }) => keyId === null);
  const tables = new Map(tagged.map(({ table }) => [showTable(table), table]));
  const counts: KeyCount[] = [];
  for (const table of tables.values()) {
    if (keyIds.length === 0) continue;
    const inTable = tagged.filter((one) => showTable(one.table) === showTable(table));
    const named = [...new Set(inTable.map(({ column }) => column))];
    // one aggregate for each column and key: a whole table is read once, and nothing is sorted
    const asked = named.flatMap((column) => keyIds.map((keyId) => ({ column, keyId })));
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
        const rows = await query<Record<string, number>>(`SELECT ${sums.join(", ")} FROM ${quoteTable(table)}`, parameters.values);
        await requireSame(query, table, inTable[0]?.relation);
        return rows;
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

/** What was counted keeps its name until the transaction ends; before it was counted another table may have taken it. */
async function requireSame(query: Query, table: TableName, relation: number | undefined): Promise<void> {
  const [found] = await query<{ relation: number }>("SELECT to_regclass($1)::oid::bigint::float8 AS relation", [quoteTable(table)]);
  if (found?.relation === relation) return;
  throw new MasklineError("database_busy", `table ${showTable(table)} was renamed while it was looked at`, {
    next: "run the command again",
  });
}
