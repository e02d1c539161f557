import { type TokenLayout, tokenNeedle } from "../recovery/token-layout.ts";
import type { Database } from "./database.ts";
import { quoteName, showTable, type TableName } from "./names.ts";

/** A column's texts, byte by byte: a collation of the user's own may take two tokens for equal, or not be able to search. */
export function textOf(column: string): string {
  return `${quoteName(column)}::text COLLATE "C"`;
}

/** The condition that a column holds tokens of a key. `parameter` adds a value to those of the statement and answers with its name. */
export function holdsTokens(
  column: string,
  { layout, domain }: { readonly layout: TokenLayout; readonly domain: string },
  keyId: number,
  parameter: (value: string) => string,
): string {
  const needle = tokenNeedle(layout, domain, keyId);
  if (layout === "whole") return `left(${textOf(column)}, ${needle.length}) = ${parameter(needle)}::text`;
  return `strpos(${textOf(column)}, ${parameter(needle)}::text) > 0`;
}

/** A statement's parameters, each value once. */
export class Parameters {
  readonly values: unknown[] = [];

  readonly add = (value: unknown): string => {
    const at = this.values.indexOf(value);
    return `$${at >= 0 ? at + 1 : this.values.push(value)}`;
  };
}

/** The columns of a table that are there, each with what its values are cast to: its type, without length, or what a domain stands on. */
export async function columnTypes(
  database: Database,
  table: TableName,
  columns: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query<{ name: string; castType: string }>(
    `looking at table ${showTable(table)}`,
    `WITH RECURSIVE step AS (
       SELECT a.attnum, a.attname, a.atttypid AS type FROM pg_catalog.pg_attribute a
       JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = ANY($3) AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL
       SELECT step.attnum, step.attname, d.typbasetype FROM step JOIN pg_catalog.pg_type d ON d.oid = step.type WHERE d.typtype = 'd')
     SELECT step.attname AS name, quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS "castType"
     FROM step JOIN pg_catalog.pg_type t ON t.oid = step.type AND t.typtype <> 'd' JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     ORDER BY step.attnum`,
    [table.schema, table.table, columns],
  );
  return new Map(rows.map(({ name, castType }) => [name, castType]));
}
