import type { TokenLayout } from "../../recovery/token-layout.ts";
import type { Database, Query } from "../database.ts";
import { quoteName, type TableName } from "../names.ts";
import { mayRead } from "./readable.ts";

/**
 * How many sets of tokens, none comparable with another, were ever written to each column of a table: another domain, another ring or,
 * where tokens do not say their key, another key. Null where this user may not read what is noted of it; no entry where nothing is.
 */
export async function readTokenEpochs(
  database: Database,
  schema: string,
  table: TableName,
): Promise<ReadonlyMap<string, number> | null> {
  return database.transaction("looking which tokens columns have held", (query) => tokenEpochs(query, schema, table));
}

/** As `readTokenEpochs`, inside a transaction. */
export async function tokenEpochs(query: Query, schema: string, table: TableName): Promise<ReadonlyMap<string, number> | null> {
  if (!(await mayRead(query, schema, "token_column"))) return null;
  // key_id is 0 where the tokens say their key: aliases make those of one domain comparable
  const rows = await query<{ column: string; epochs: number }>(
    `SELECT a.attname AS "column", count(DISTINCT (t.ring, t.domain, t.key_id))::int AS epochs
     FROM ${notedOf(schema)} WHERE n.nspname = $1 AND c.relname = $2 AND t.layout = 'whole' GROUP BY 1`,
    [table.schema, table.table],
  );
  return new Map(rows.map(({ column, epochs }) => [column, epochs]));
}

/** Tokens that can be compared with one another, and opened by one key where they do not say theirs. */
export interface TokenSet {
  readonly ring: number;
  readonly domain: string;
  /** Null for tokens that say their key. */
  readonly keyId: number | null;
}

/** Those that were ever written to a column; null where this user may not read what is noted of it. */
export async function readTokenSets(
  database: Database,
  schema: string,
  { table, column, layout }: { readonly table: TableName; readonly column: string; readonly layout: TokenLayout },
): Promise<readonly TokenSet[] | null> {
  return database.transaction(`looking which tokens ${column} has held`, async (query) => {
    if (!(await mayRead(query, schema, "token_column"))) return null;
    const rows = await query<{ ring: number; domain: string; keyId: number }>(
      `SELECT DISTINCT t.ring::float8 AS ring, t.domain, t.key_id::float8 AS "keyId" FROM ${notedOf(schema)}
       WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND t.layout = $4 ORDER BY 1, 2, 3`,
      [table.schema, table.table, column, layout],
    );
    return rows.map(({ keyId, ...set }) => ({ ...set, keyId: keyId === 0 ? null : keyId }));
  });
}

/** What is noted of a table's columns: of the table and column themselves, however they were renamed, and of what had their names. */
function notedOf(schema: string): string {
  return `pg_catalog.pg_class c
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     JOIN ${quoteName(schema)}.token_column t ON (t.relation = c.oid AND t.attribute = a.attnum)
       OR (t.table_schema = n.nspname AND t.table_name = c.relname AND t.column_name = a.attname)`;
}
