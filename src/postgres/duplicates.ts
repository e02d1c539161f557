import { MasklineError } from "../errors.ts";
import { tokenPrefix } from "../masks/token.ts";
import type { Database, Query } from "./database.ts";
import { quoteLiteral, quoteName, quoteTable, showTable, type TableName } from "./names.ts";

/** A masked value that stands in the rows of several users. */
export type SharedValue = {
  readonly token: string;
  /** Among the shared values of its column; those with as many users and rows have the same. */
  readonly rank: number;
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
  /** How many users a value needs to be shared: 2 or more. */
  readonly minUsers: number;
  /** At most so many; null for all of them. */
  readonly limit: number | null;
  /** For tokens that say their key: the domain, and the schema whose aliases tell which of them are of one value. */
  readonly aliases?: { readonly schema: string; readonly domain: string };
}

/** Rows of an answer that are in memory at once. */
const fetchedValues = 5_000;
/** They may go into a pager that somebody reads. Held meanwhile is a lock that nothing but a change of the table's form waits for. */
const patienceMs = 600_000;

/** Shared values, those with the most users first. Of a value that stands under several keys the newest key's token is shown. */
export async function findDuplicates(database: Database, question: DuplicatesQuestion): Promise<readonly SharedValue[]> {
  const found: SharedValue[] = [];
  await walkDuplicates(database, question, async (values) => void found.push(...values));
  return found;
}

/**
 * The same in parts, however many there are: `take` gets them as they come, within ten minutes for each part.
 * @returns how many there are, those past the limit included
 */
export async function walkDuplicates(
  database: Database,
  question: DuplicatesQuestion,
  take: (values: readonly SharedValue[]) => Promise<void>,
): Promise<number> {
  const { aliases } = question;
  const { sql, parameters } = duplicatesQuery(question);
  return database.transaction(
    "looking for duplicates",
    async (query) => {
      await query(`SET LOCAL idle_in_transaction_session_timeout = ${patienceMs}`);
      const newestFirst = aliases === undefined ? [] : await prefixesNewestFirst(query, aliases.schema);
      await query(`DECLARE shared NO SCROLL CURSOR FOR ${sql}`, parameters);
      for (let total = 0; ;) {
        const rows = await query<SharedRow>(`FETCH ${fetchedValues} FROM shared`);
        total = rows[0]?.total ?? total;
        await take(rows.map((row) => sharedValue(row, newestFirst)));
        if (rows.length < fetchedValues) return total;
      }
    },
    { unhurried: true },
  );
}

type SharedRow = Omit<SharedValue, "token"> & {
  readonly tokens: readonly [string, ...string[]];
  /** Of all shared values. */
  readonly total: number;
};

function sharedValue({ tokens, rank, users, rows, firstSeen, lastSeen }: SharedRow, newestFirst: readonly string[]): SharedValue {
  return { token: newest(tokens, newestFirst), rank, users, rows, firstSeen, lastSeen };
}

/** One statement, so that table and aliases are seen as they were at one moment. */
export function duplicatesQuery({ table, column, userColumn, timeColumn, minUsers, limit, aliases }: DuplicatesQuestion): {
  readonly sql: string;
  readonly parameters: readonly unknown[];
} {
  const token = bytewise(column);
  const user = `target.${quoteName(userColumn)}`;
  const time = timeColumn === null ? "NULL::text" : `target.${quoteName(timeColumn)}`;
  const join = aliases === undefined ? "" : aliasJoin(aliases.schema, "alias", "$3::text", column);
  const value = aliases === undefined ? token : `coalesce(alias.canonical, ${token})`;
  return {
    sql: `SELECT array_agg(DISTINCT ${token}) AS tokens, ${rankSql(user)}::float8 AS rank, count(*) OVER ()::float8 AS total,
            count(DISTINCT ${user})::float8 AS users, count(*)::float8 AS rows,
            min(${time})::text AS "firstSeen", max(${time})::text AS "lastSeen"
     FROM ${quoteTable(table)} AS target ${join} WHERE target.${quoteName(column)} IS NOT NULL
     GROUP BY ${value} HAVING count(DISTINCT ${user}) >= $2 ORDER BY users DESC, rows DESC, ${value} LIMIT $1::bigint`,
    parameters: [limit, minUsers, ...(aliases === undefined ? [] : [aliases.domain])],
  };
}

/**
 * A view over the user's own table with one more column for each masked one, equal where the values are equal, under whatever key. It
 * is for the table's owner to say in whose schema it stands, under which name and for whom: so it is printed first.
 */
export function equalityView(
  schema: string,
  table: TableName,
  columns: readonly { readonly name: string; readonly domain: string }[],
): string {
  const added = columns.map(({ name }, i) => `  coalesce(alias${i}.canonical, ${bytewise(name)}) AS ${quoteName(`${name}_equal`)}`);
  const joins = columns.map(({ name, domain }, i) => aliasJoin(schema, `alias${i}`, quoteLiteral(domain), name));
  const view = quoteTable(equalityViewName(table));
  return `CREATE VIEW ${view} AS\nSELECT target.*,\n${added.join(",\n")}\nFROM ${quoteTable(table)} AS target\n${joins.join("\n")};`;
}

export interface SharedViewParts extends Pick<DuplicatesQuestion, "table" | "userColumn" | "timeColumn" | "minUsers"> {
  /** Each masked column; with a domain where its tokens say their key. */
  readonly columns: readonly { readonly name: string; readonly domain: string | null }[];
}

/** A view of the shared values of all masked columns, ranked in each. A value is what stands for it in the equality view. */
export function sharedView(schema: string, { table, columns, userColumn, timeColumn, minUsers }: SharedViewParts): string {
  const user = `target.${quoteName(userColumn)}`;
  const time = timeColumn === null ? "NULL::text" : `target.${quoteName(timeColumn)}`;
  const parts = columns.map(({ name, domain }) => {
    const value = domain === null ? bytewise(name) : `coalesce(alias.canonical, ${bytewise(name)})`;
    return [
      `SELECT ${quoteLiteral(name)}::text AS masked_column, ${value} AS value,`,
      `  count(DISTINCT ${user}) AS users, count(*) AS rows, min(${time}) AS first_seen, max(${time}) AS last_seen,`,
      `  ${rankSql(user)} AS rank`,
      `FROM ${quoteTable(table)} AS target`,
      ...(domain === null ? [] : [aliasJoin(schema, "alias", quoteLiteral(domain), name)]),
      `WHERE target.${quoteName(name)} IS NOT NULL GROUP BY 2 HAVING count(DISTINCT ${user}) >= ${String(minUsers)}`,
    ].join("\n");
  });
  return `CREATE VIEW ${quoteTable(sharedViewName(table))} AS\n${parts.join("\nUNION ALL\n")};`;
}

export function equalityViewName(table: TableName): TableName {
  return { schema: table.schema, table: `${table.table}_equal` };
}

export function sharedViewName(table: TableName): TableName {
  return { schema: table.schema, table: `${table.table}_shared` };
}

/** Creates views that were shown before, all or none; never in the place of something that is there already. */
export async function createViews(
  database: Database,
  views: readonly { readonly name: TableName; readonly sql: string }[],
): Promise<void> {
  await database.transaction("creating the views", async (query) => {
    for (const { name, sql } of views) {
      const [found] = await query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [quoteTable(name)]);
      if (found?.there === true) {
        throw new MasklineError("database_refused", `${showTable(name)} is there already; nothing was created`, {
          next: `if it is an older view of this kind: DROP VIEW ${quoteTable(name)}; then run the command again`,
        });
      }
      await query(sql);
    }
  });
}

function rankSql(user: string): string {
  return `rank() OVER (ORDER BY count(DISTINCT ${user}) DESC, count(*) DESC)`;
}

function aliasJoin(schema: string, name: string, domain: string, column: string): string {
  return `LEFT JOIN ${quoteName(schema)}.alias AS ${name} ON ${name}.domain = ${domain} AND ${name}.token = ${bytewise(column)}`;
}

/** Tokens are compared byte by byte, whatever collation the user's column has. */
function bytewise(column: string): string {
  return `target.${quoteName(column)}::text COLLATE "C"`;
}

async function prefixesNewestFirst(query: Query, schema: string): Promise<readonly string[]> {
  const keys = await query<{ id: number }>(
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
