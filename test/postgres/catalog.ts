import type pg from "pg";

/**
 * All that stands in a schema, one line each, in an order that does not depend on how it was made: what a review of a migration looks at.
 * The same text on every version of PostgreSQL from 10 on, and whatever the schema's name.
 */
export async function describeSchema(client: pg.Client, schema: string): Promise<string> {
  const { rows } = await client.query<{ line: string }>(describeSql, [schema]);
  return rows.map(({ line }) => `${plain(line, schema)}\n`).join("");
}

/** Without the schema's name, and broken where it reads well. */
function plain(line: string, schema: string): string {
  return line
    .replaceAll(/(?<=\S)\s+/g, " ")
    .replaceAll(`"${schema.replaceAll('"', '""')}".`, "")
    .replaceAll(`${schema}.`, "")
    .replaceAll(/ (?=(?:SELECT|FROM|JOIN|GROUP BY)\b)|(?<= AS [a-z_]+,) /g, "\n    ");
}

const describeSql = `
WITH own AS (
  SELECT c.oid, c.relname::text AS owner, c.relkind, c.relpersistence
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1),
line AS (
  SELECT owner, 0 AS rank, '' AS name,
         CASE relkind WHEN 'r' THEN 'table ' WHEN 'p' THEN 'partitioned table ' ELSE 'kind ' || relkind::text || ' ' END || owner
         || CASE relpersistence WHEN 'p' THEN '' ELSE ' persistence ' || relpersistence::text END AS line
  FROM own WHERE relkind NOT IN ('i', 'I', 'v', 'm', 'S')
  UNION ALL
  SELECT owner, 0, '', 'view ' || owner || ': ' || pg_get_viewdef(oid) FROM own WHERE relkind IN ('v', 'm')
  UNION ALL
  SELECT owner, 1, to_char(a.attnum, '0000'), '  column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
         || CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || co.collname ELSE '' END
         || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
         || CASE a.attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END
         || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM own JOIN pg_attribute a ON a.attrelid = own.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_collation co ON co.oid = a.attcollation
  LEFT JOIN pg_attrdef d ON d.adrelid = own.oid AND d.adnum = a.attnum
  WHERE relkind NOT IN ('i', 'I', 'S')
  UNION ALL
  -- from PostgreSQL 18 on NOT NULL is a constraint too; here it stands with its column
  SELECT owner, 2, con.conname::text, '  constraint ' || con.conname || ' ' || pg_get_constraintdef(con.oid)
  FROM own JOIN pg_constraint con ON con.conrelid = own.oid AND con.contype <> 'n'
  UNION ALL
  SELECT owner, 3, i.relname::text, '  index ' || pg_get_indexdef(x.indexrelid)
  FROM own JOIN pg_index x ON x.indrelid = own.oid JOIN pg_class i ON i.oid = x.indexrelid
  UNION ALL
  SELECT owner, 4, g.tgname::text, '  trigger ' || replace(pg_get_triggerdef(g.oid), 'EXECUTE FUNCTION', 'EXECUTE PROCEDURE')
  FROM own JOIN pg_trigger g ON g.tgrelid = own.oid AND NOT g.tgisinternal
  UNION ALL
  SELECT owner, 0, '', 'sequence ' || owner || ' ' || format_type(s.seqtypid, NULL)
  FROM own JOIN pg_sequence s ON s.seqrelid = own.oid
  UNION ALL
  SELECT p.proname::text, 0, '', 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1
  UNION ALL
  SELECT t.typname::text, 0, '', 'type ' || t.typname
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typtype IN ('d', 'e'))
SELECT line FROM line ORDER BY owner COLLATE "C", rank, name COLLATE "C", line COLLATE "C"`;

/** Tables of a schema that logical replication could not carry. */
export async function tablesWithoutPrimaryKey(client: pg.Client, schema: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
       AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')`,
    [schema],
  );
  return rows.map(({ name }) => name);
}
