import { MasklineError } from "../errors.ts";
import type { TokenForm } from "../masks/mask.ts";
import type { Database, Query } from "./database.ts";
import { sequenceFaults } from "./default-sequences.ts";
import { quoteName, quoteTable, showTable, type TableName } from "./names.ts";

/** What the pipeline will put into a column: its form, its longest text and whether it may be NULL. */
export interface ColumnDemand {
  readonly name: string;
  /** What a mask makes of it, or its type; a version is an integer or, as text, a `text`. */
  readonly form: TokenForm;
  /** In characters; null for no limit. */
  readonly longest: number | null;
  readonly mayBeNull: boolean;
}

/** A column of the target table, as the database describes it. */
export interface TargetColumn {
  readonly name: string;
  /**
   * Quoted and qualified, without length or precision, and what a domain stands on in its place: an explicit cast to varchar(n), or to
   * a domain over it, would cut a text short without a word. Length, precision and the domain's checks are applied on assignment.
   */
  readonly castType: string;
  /** What COPY in its binary format rests on; left out where it must not be used. */
  readonly binary?: BinaryTarget | null;
}

/** How a column takes binary values. */
export interface BinaryTarget {
  /** PostgreSQL's own function that receives the type's binary form; a domain's is that of what it stands on. */
  readonly receive: string;
  /** The column's number in its table, and its type's: a type that has been changed would read other bytes, or the same ones as something else. */
  readonly number: number;
  readonly type: string;
}

type CatalogColumn = TargetColumn & {
  readonly typeName: string;
  /** Not PostgreSQL's own: an enum, or the type of an extension, whose form is known to its makers only. */
  readonly readsText: boolean;
  readonly shownType: string;
  readonly maxLength: number | null;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly identity: boolean;
  readonly generated: boolean;
  readonly mayInsert: boolean;
};

/**
 * Which of PostgreSQL's own types can take a value of a given form as it is: those that would cut it (name, "char", bit) or read it as
 * something else (bytea, arrays) are in no list. A domain counts as what it stands on. Enums and the types of extensions take whatever
 * they can read, but no tokens: two tokens that differ must not be equal there (citext).
 */
const fittingTypes: Readonly<Record<Exclude<TokenForm, "nothing">, readonly string[]>> = {
  token: ["text", "varchar", "bpchar"],
  text: [
    "text",
    "varchar",
    "bpchar",
    "citext",
    "uuid",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "time",
    "timetz",
    "interval",
    "json",
    "jsonb",
    "xml",
  ],
  integer: ["int2", "int4", "int8", "numeric", "float4", "float8", "text", "varchar"],
  number: ["numeric", "float4", "float8", "text", "varchar"],
  boolean: ["bool", "text", "varchar"],
  uuid: ["uuid", "text", "varchar", "bpchar"],
  ip: ["inet", "cidr", "text", "varchar"],
  email: ["text", "varchar", "bpchar", "citext"],
  date: ["date", "timestamp", "timestamptz", "text", "varchar"],
  timestamp: ["timestamptz", "timestamp", "text", "varchar"],
  json: ["json", "jsonb", "text"],
};
const textTypes = ["text", "varchar", "bpchar", "citext"];

const tableSql = `
WITH RECURSIVE part AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'p'
  UNION ALL SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid)
SELECT c.oid::int8::text AS oid, c.relkind AS kind,
       c.relpersistence = 'u'
         OR EXISTS (SELECT 1 FROM part JOIN pg_catalog.pg_class p ON p.oid = part.oid WHERE p.relpersistence = 'u') AS unlogged,
       current_setting('fsync') = 'on' AS fsync,
       has_schema_privilege(n.oid, 'USAGE') AS may_use, quote_ident(current_user) AS "user"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`;

// COPY knows no rules, an INSERT follows them.
// attidentity came with PostgreSQL 10, attgenerated with 12: the row is read as JSON so that one text serves all.
// `step` goes from a column's type to what it stands on, through any number of domains.
const columnSql = `
WITH RECURSIVE step AS (
  SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier, a.attnotnull AS not_null, a.atthasdef AS has_default
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT step.attnum, d.typbasetype, CASE WHEN step.modifier = -1 THEN d.typtypmod ELSE step.modifier END,
         step.not_null OR d.typnotnull, step.has_default OR d.typdefault IS NOT NULL
  FROM step JOIN pg_catalog.pg_type d ON d.oid = step.type WHERE d.typtype = 'd')
SELECT a.attname AS name, quote_ident(tn.nspname) || '.' || quote_ident(t.typname) AS "castType", t.typname AS "typeName",
       (SELECT json_build_object('receive', p.prosrc, 'number', a.attnum, 'type', a.atttypid::text)
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.oid = t.typreceive AND l.lanname = 'internal' AND NOT rel.relhasrules) AS binary,
       t.typtype = 'e' OR t.typtype = 'b' AND t.typcategory <> 'A' AND tn.nspname <> 'pg_catalog' AS "readsText",
       format_type(a.atttypid, a.atttypmod)
         || CASE WHEN t.oid <> a.atttypid THEN ' (' || format_type(t.oid, step.modifier) || ')' ELSE '' END AS "shownType",
       step.not_null AS "notNull", step.has_default AS "hasDefault",
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND step.modifier > 4 THEN step.modifier - 4 END AS "maxLength",
       a.attidentity <> '' AS identity,
       a.attidentity = 'a' OR coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' AS generated,
       has_column_privilege($1::int8::oid, a.attnum, 'INSERT') AS "mayInsert"
FROM step
JOIN pg_catalog.pg_class rel ON rel.oid = $1::int8::oid
JOIN pg_catalog.pg_type t ON t.oid = step.type AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = $1::int8::oid AND a.attnum = step.attnum
ORDER BY a.attnum`;

/**
 * Compares the target table with what the pipeline will put there, before the first message.
 * @throws MasklineError `target_misfit` with every fault found.
 */
export async function checkTarget(
  database: Database,
  table: TableName,
  demands: readonly ColumnDemand[],
): Promise<readonly TargetColumn[]> {
  return database.transaction(`looking at table ${showTable(table)}`, async (query) => {
    const { oid, columns, faults, user } = await inspect(query, table);
    const byName = new Map(columns.map((column) => [column.name, column]));
    const present = demands.filter(({ name }) => byName.has(name));
    const closed = present.filter(({ name }) => byName.get(name)?.mayInsert === false);
    if (closed.length > 0) {
      const list = closed.length === present.length ? "" : ` (${closed.map(({ name }) => quoteName(name)).join(", ")})`;
      faults.push(`user ${user} may not insert rows: GRANT INSERT${list} ON ${quoteTable(table)} TO ${user}`);
    }
    const named = new Set(demands.map(({ name }) => name));
    faults.push(...(await sequenceFaults(query, oid, [...named], user)));
    for (const demand of demands) faults.push(...columnFaults(demand, byName.get(demand.name)));
    for (const column of columns) {
      if (!named.has(column.name) && column.notNull && !column.hasDefault && !column.identity) {
        faults.push(`column ${column.name}: is NOT NULL without a default, and the contract does not fill it`);
      }
    }
    if (faults.length > 0) {
      throw new MasklineError("target_misfit", `table ${showTable(table)} in ${database.where} does not fit the contract`, {
        details: faults,
        next: "change the columns in maskline.yaml or the table, then run `maskline check --connect`",
      });
    }
    return demands.map((demand) => byName.get(demand.name) as CatalogColumn);
  });
}

async function inspect(
  query: Query,
  table: TableName,
): Promise<{ oid: string; columns: readonly CatalogColumn[]; faults: string[]; user: string }> {
  const [found] = await query<{ oid: string; kind: string; unlogged: boolean; fsync: boolean; may_use: boolean; user: string }>(
    tableSql,
    [table.schema, table.table],
  );
  if (found === undefined) {
    throw new MasklineError("target_misfit", `there is no table ${showTable(table)} (quoted: ${quoteTable(table)})`, {
      next: "create it, or name another in sink.postgres.table",
    });
  }
  const faults: string[] = [];
  if (found.kind !== "r" && found.kind !== "p") faults.push("is not a table (views and foreign tables cannot be loaded)");
  if (found.unlogged)
    faults.push("is UNLOGGED, or has a partition that is: a crash of the database would lose rows whose messages are gone");
  if (!found.fsync) faults.push("the server runs with fsync = off: a crash would lose rows whose messages are gone");
  const { user } = found;
  if (!found.may_use) {
    const schema = quoteName(table.schema);
    faults.push(`user ${user} may not use schema ${schema}: GRANT USAGE ON SCHEMA ${schema} TO ${user}`);
  }
  return { oid: found.oid, columns: await query<CatalogColumn>(columnSql, [found.oid]), faults, user };
}

function columnFaults(demand: ColumnDemand, column: CatalogColumn | undefined): string[] {
  if (column === undefined) return [`column ${demand.name}: is not in the table`];
  const faults: string[] = [];
  const fault = (text: string): number => faults.push(`column ${column.name}: ${text}`);
  if (column.generated) fault("is generated by the database and cannot be written: leave it out of the contract");
  // NULL fits every type
  if (demand.form === "nothing")
    return [...faults, ...(column.notNull ? [`column ${column.name}: is NOT NULL, its mask is null`] : [])];
  const known = Object.values(fittingTypes).some((types) => types.includes(column.typeName));
  const taken = column.readsText && !known && demand.form !== "token";
  if (!taken && !fittingTypes[demand.form].includes(column.typeName)) {
    fault(`is ${column.shownType}, the contract gives ${demand.form === "token" ? "a masked text" : demand.form}`);
  }
  if (column.maxLength !== null && textTypes.includes(column.typeName)) {
    if (demand.longest === null) fault(`is ${column.shownType}, the contract has no limit: set max: ${column.maxLength} or less`);
    else if (demand.longest > column.maxLength) {
      fault(
        `is ${column.shownType}, the contract allows ${demand.longest} characters${demand.form === "token" ? " after masking" : ""}`,
      );
    }
  }
  if (column.notNull && demand.mayBeNull) fault("is NOT NULL, the contract allows no value: set required: true");
  return faults;
}
