import { tokenPrefix } from "../masks/token.ts";
import type { Database } from "./database.ts";
import { quoteLiteral, quoteName, quoteTable, type TableName } from "./names.ts";

/** A masked value that stands in the rows of several users. */
export type SharedValue = {
  readonly token: string;
  readonly users: number;
  readonly rows: number;
  /** Null where the contract has no column for the sent time. */
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
};

export interface DuplicatesQuestion {
  readonly table: TableName;
  /** The masked column whose equal values are looked for. */
  readonly column: string;
  /** The column that tells users apart. */
  readonly userColumn: string;
  /** The column that holds the sent time, where there is one. */
  readonly timeColumn: string | null;
  readonly limit: number;
  /** For tokens that say their key: the domain, and the schema whose aliases tell which of them are of one value. */
  readonly aliases?: { readonly schema: string; readonly domain: string };
}

/** Shared values, those with the most users first. Of a value that stands under several keys the newest key's token is shown. */
export async function findDuplicates(database: Database, question: DuplicatesQuestion): Promise<readonly SharedValue[]> {
  const { aliases } = question;
  const { sql, parameters } = duplicatesQuery(question);
  const found = await database.query<SharedRow>("looking for duplicates", sql, parameters);
  const newestFirst = aliases === undefined ? [] : await prefixesNewestFirst(database, aliases.schema);
  return found.map(({ tokens, ...value }) => ({ token: newest(tokens, newestFirst), ...value }));
}

type SharedRow = Omit<SharedValue, "token"> & { readonly tokens: readonly [string, ...string[]] };

/** One statement, so that table and aliases are seen as they were at one moment. */
export function duplicatesQuery({ table, column, userColumn, timeColumn, limit, aliases }: DuplicatesQuestion): {
  readonly sql: string;
  readonly parameters: readonly unknown[];
} {
  const token = bytewise(column);
  const user = `target.${quoteName(userColumn)}`;
  const time = timeColumn === null ? "NULL::text" : `target.${quoteName(timeColumn)}`;
  const join = aliases === undefined ? "" : aliasJoin(aliases.schema, "alias", "$2::text", column);
  const value = aliases === undefined ? token : `coalesce(alias.canonical, ${token})`;
  return {
    sql: `SELECT array_agg(DISTINCT ${token}) AS tokens, count(DISTINCT ${user})::int AS users, count(*)::int AS rows,
            min(${time})::text AS "firstSeen", max(${time})::text AS "lastSeen"
     FROM ${quoteTable(table)} AS target ${join} WHERE target.${quoteName(column)} IS NOT NULL
     GROUP BY ${value} HAVING count(DISTINCT ${user}) > 1 ORDER BY users DESC, rows DESC, ${value} LIMIT $1`,
    parameters: aliases === undefined ? [limit] : [limit, aliases.domain],
  };
}

/**
 * A view over the user's own table with one more column for each masked one, equal where the values are equal, under whatever key. It
 * is printed and not made: in whose schema it stands, under which name and for whom, is for the table's owner to say.
 */
export function equalityView(
  schema: string,
  table: TableName,
  columns: readonly { readonly name: string; readonly domain: string }[],
): string {
  const added = columns.map(({ name }, i) => `  coalesce(alias${i}.canonical, ${bytewise(name)}) AS ${quoteName(`${name}_equal`)}`);
  const joins = columns.map(({ name, domain }, i) => aliasJoin(schema, `alias${i}`, quoteLiteral(domain), name));
  const view = quoteTable({ schema: table.schema, table: `${table.table}_equal` });
  return `CREATE VIEW ${view} AS\nSELECT target.*,\n${added.join(",\n")}\nFROM ${quoteTable(table)} AS target\n${joins.join("\n")};`;
}

function aliasJoin(schema: string, name: string, domain: string, column: string): string {
  return `LEFT JOIN ${quoteName(schema)}.alias AS ${name} ON ${name}.domain = ${domain} AND ${name}.token = ${bytewise(column)}`;
}

/** Tokens are compared byte by byte, whatever collation the user's column has. */
function bytewise(column: string): string {
  return `target.${quoteName(column)}::text COLLATE "C"`;
}

async function prefixesNewestFirst(database: Database, schema: string): Promise<readonly string[]> {
  const keys = await database.query<{ id: number }>(
    "reading the order of the keys",
    `SELECT key_id::float8 AS id FROM ${quoteName(schema)}.ring_key WHERE kind = 'root' ORDER BY position DESC`,
  );
  return keys.map(({ id }) => tokenPrefix(id));
}

function newest(tokens: readonly [string, ...string[]], prefixes: readonly string[]): string {
  for (const prefix of prefixes) {
    const found = tokens.find((token) => token.startsWith(prefix));
    if (found !== undefined) return found;
  }
  return tokens[0];
}
