import type { ColumnType } from "../contract/column.ts";
import { MasklineError } from "../errors.ts";
import type { Database, Query } from "./database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "./names.ts";

/** What the pipeline will put into a column: its form, its longest text and whether it may be NULL. */
export interface ColumnDemand {
  readonly name: string;
  /** `token` for what comes out of a mask; a version is an integer or, as text, a `text`. */
  readonly form: Exclude<ColumnType, "version"> | "token";
  /** In characters; null for no limit. */
  readonly longest: number | null;
  readonly mayBeNull: boolean;
}

/** A column of the target table, as the database describes it. */
export interface TargetColumn {
  readonly name: string;
  /** Quoted and qualified, without length or precision: an explicit cast to varchar(n) would cut a text short without a word. */
  readonly castType: string;
}

type CatalogColumn = TargetColumn & {
  readonly typeName: string;
  readonly shownType: string;
  readonly maxLength: number | null;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly identity: boolean;
  readonly generated: boolean;
  readonly mayInsert: boolean;
};

/** Which kinds of column can take a value of a given form. Anything else PostgreSQL can read from text (enums, domains) is taken as it is. */
const fittingTypes: Readonly<Record<ColumnDemand["form"], readonly string[]>> = {
  token: ["text", "varchar", "bpchar"],
  text: ["text", "varchar", "bpchar", "citext", "uuid", "inet", "cidr", "json", "jsonb"],
  integer: ["int2", "int4", "int8", "numeric", "float4", "float8", "text", "varchar"],
  number: ["numeric", "float4", "float8", "text", "varchar"],
  boolean: ["bool", "text", "varchar"],
  uuid: ["uuid", "text", "varchar", "bpchar"],
  ip: ["inet", "cidr", "text", "varchar"],
  date: ["date", "timestamp", "timestamptz", "text", "varchar"],
  timestamp: ["timestamptz", "timestamp", "text", "varchar"],
  json: ["json", "jsonb", "text"],
};
const textTypes = ["text", "varchar", "bpchar", "citext"];

const tableSql = `
SELECT c.oid::int8::text AS oid, c.relkind AS kind, c.relpersistence = 'u' AS unlogged, current_setting('fsync') = 'on' AS fsync,
       has_schema_privilege(n.oid, 'USAGE') AS may_use, current_user AS "user"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`;

// attidentity came with PostgreSQL 10, attgenerated with 12: the row is read as JSON so that one text serves all
const columnSql = `
SELECT a.attname AS name, quote_ident(tn.nspname) || '.' || quote_ident(t.typname) AS "castType", base.typname AS "typeName",
       format_type(a.atttypid, a.atttypmod) AS "shownType", a.attnotnull AS "notNull", a.atthasdef AS "hasDefault",
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS "maxLength",
       a.attidentity <> '' AS identity,
       a.attidentity = 'a' OR coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' AS generated,
       has_column_privilege($1::int8::oid, a.attnum, 'INSERT') AS "mayInsert"
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
JOIN pg_catalog.pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
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
    const { columns, faults } = await inspect(query, table);
    const byName = new Map(columns.map((column) => [column.name, column]));
    for (const demand of demands) faults.push(...columnFaults(demand, byName.get(demand.name), table));
    const named = new Set(demands.map(({ name }) => name));
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

async function inspect(query: Query, table: TableName): Promise<{ columns: readonly CatalogColumn[]; faults: string[] }> {
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
  if (found.unlogged) faults.push("is UNLOGGED: a crash of the database would lose rows whose messages are gone");
  if (!found.fsync) faults.push("the server runs with fsync = off: a crash would lose rows whose messages are gone");
  if (!found.may_use) faults.push(`user ${found.user} may not use schema ${quoteName(table.schema)}: GRANT USAGE ON SCHEMA`);
  return { columns: await query<CatalogColumn>(columnSql, [found.oid]), faults };
}

function columnFaults(demand: ColumnDemand, column: CatalogColumn | undefined, table: TableName): string[] {
  if (column === undefined) return [`column ${demand.name}: is not in the table`];
  const faults: string[] = [];
  const fault = (text: string): number => faults.push(`column ${column.name}: ${text}`);
  if (column.generated) fault("is generated by the database and cannot be written: leave it out of the contract");
  if (!column.mayInsert) fault(`may not be inserted: GRANT INSERT ON ${quoteTable(table)}`);
  const builtIn = Object.values(fittingTypes).some((types) => types.includes(column.typeName));
  if (builtIn && !fittingTypes[demand.form].includes(column.typeName)) {
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
