import type { Query } from "./database.ts";

/**
 * SQL for the sequences from which a table's columns are filled by default, but for those that are given a value: what a column's default
 * names, or its domain's where it has none of its own. PostgreSQL works defaults out as whoever inserts, who needs a right on the sequence;
 * an identity column needs none. A sequence that only a function's body or a trigger names cannot be seen here.
 * @param relation an SQL expression for the table's oid
 * @param named one for the names of the columns that are given a value
 */
export function defaultSequences(relation: string, named: string): string {
  return `SELECT a.attname, a.attnum, numbers.oid::regclass AS sequence
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef own ON own.adrelid = a.attrelid AND own.adnum = a.attnum
    JOIN pg_catalog.pg_depend needs
      ON needs.classid = CASE WHEN own.oid IS NULL THEN 'pg_catalog.pg_type'::regclass ELSE 'pg_catalog.pg_attrdef'::regclass END
      AND needs.objid = coalesce(own.oid, a.atttypid) AND needs.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class numbers ON numbers.oid = needs.refobjid AND numbers.relkind = 'S'
    WHERE a.attrelid = ${relation} AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attname::text <> ALL (${named})`;
}

/** What this user lacks to fill the columns that get no value, each with the GRANT that gives it. */
export async function sequenceFaults(
  query: Query,
  relation: string,
  named: readonly string[],
  user: string,
): Promise<readonly string[]> {
  // what a join leaves out may be asked of all the same, and of what is no sequence that is an error: hence CASE
  const closed = await query<{ column: string; sequence: string }>(
    `SELECT filled.attname AS "column", quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS sequence
     FROM (${defaultSequences("$1::int8::oid", "$2::text[]")}) AS filled
     JOIN pg_catalog.pg_class c ON c.oid = filled.sequence
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE, UPDATE') END ORDER BY filled.attnum, 2`,
    [relation, named],
  );
  return closed.map(
    ({ column, sequence }) =>
      `user ${user} may not take the numbers of column ${column}: GRANT USAGE ON SEQUENCE ${sequence} TO ${user}`,
  );
}
