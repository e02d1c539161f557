/** Quotes an identifier for SQL: names from a configuration are data until they have passed here. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text for SQL that is printed for people. What we send ourselves has parameters. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/** A table by schema and name, as written in `sink.postgres.table`. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/**
 * Reads `table`, `schema.table` and their quoted forms (`"My Schema"."user.logins"`); without a schema it is `public`, never the search path.
 * Null when the text is none of these.
 */
export function parseTableName(text: string): TableName | null {
  const part = String.raw`(?:"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*))`;
  const found = new RegExp(`^${part}(?:\\.${part})?$`).exec(text);
  if (!found) return null;
  // an unquoted name folds to lower case, as everywhere in PostgreSQL
  const name = (quoted: string | undefined, plain: string | undefined): string | undefined =>
    quoted?.replaceAll('""', '"') ?? plain?.toLowerCase();
  const first = name(found[1], found[2]);
  const second = name(found[3], found[4]);
  if (first === undefined) return null;
  return second === undefined ? { schema: "public", table: first } : { schema: first, table: second };
}

export function quoteTable(name: TableName): string {
  return `${quoteName(name.schema)}.${quoteName(name.table)}`;
}

/** `schema.table` for people, quoted where it must be; the stable name under which receipts and ledger are kept. */
export function showTable(name: TableName): string {
  return [name.schema, name.table].map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : quoteName(part))).join(".");
}
