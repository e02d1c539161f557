import assert from "node:assert/strict";

import { otherwise, plainClient } from "../postgres/databases.ts";

/** Types of what maskline's statements compare, add and call functions with, and a few more. */
const types =
  `smallint integer bigint numeric real float8 text varchar bpchar name regclass oid "char" timestamptz date interval uuid bytea jsonb boolean tid
  text[] bigint[] integer[] smallint[] uuid[] bytea[] timestamptz[]`.split(/\s+/);
const fewTypes = 'smallint integer bigint numeric float8 text varchar name oid regclass "char" bytea tid timestamptz jsonb'.split(
  " ",
);

const operators = ["=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "||", "~~", "->", "->>"];
const ofOne =
  `unnest cardinality count sum min max round pg_column_size quote_ident to_regclass to_regnamespace row_security_active int4send
  array_agg bool_and bool_or pg_advisory_xact_lock pg_advisory_xact_lock_shared length octet_length to_timestamp to_jsonb current_setting host
  ln pg_relation_size`.split(/\s+/);
const ofTwo = `format left strpos decode encode convert_from string_agg generate_series has_table_privilege has_schema_privilege
  pg_try_advisory_xact_lock pg_advisory_xact_lock jsonb_build_object`.split(/\s+/);
const ofThree = ["format", "set_config", "has_column_privilege"];

/** The same signature in pg_catalog comes first in the path; `anyelement` and casts do not. Each rings a bell that no rollback unrings. */
const plantSql = `
CREATE SEQUENCE public.bell;
CREATE SCHEMA %USER%;
-- tables are made in public all the same
ALTER ROLE %USER% SET search_path = public, "$user";
DO $plant$
DECLARE
  one record;
  body constant text := 'BEGIN PERFORM pg_catalog.nextval(''public.bell''); RAISE LOG ''sprung: %s''; RETURN NULL; END';
  types constant text[] := $1;
  few constant text[] := $2;
BEGIN
  CREATE TEMPORARY TABLE wanted ON COMMIT DROP AS
    SELECT name, l, r, l::regtype AS lt, r::regtype AS rt FROM unnest($3) AS name, unnest(types) AS l, unnest(types) AS r;
  FOR one IN SELECT DISTINCT l, r FROM wanted LOOP
    EXECUTE format('CREATE FUNCTION public.compare_%s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS %L', md5(one.l || ' ' || one.r), one.l, one.r,
      format(body, one.l || ' compared with ' || one.r));
    EXECUTE format('CREATE FUNCTION public.count_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', md5(one.l || ' ' || one.r), one.l, one.r, one.l,
      format(body, one.l || ' reckoned with ' || one.r));
  END LOOP;
  FOR one IN SELECT * FROM wanted WHERE NOT EXISTS (
    SELECT FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = name AND oprleft = lt AND oprright = rt) LOOP
    EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = public.%s_%s)', one.name, one.l, one.r,
      CASE WHEN one.name IN ('+', '-', '*', '/', '||', '->', '->>') THEN 'count' ELSE 'compare' END, md5(one.l || ' ' || one.r));
  END LOOP;
  FOR one IN
    SELECT name, l AS arguments, l AS returned FROM unnest($4) AS name, unnest(types) AS l
    UNION ALL SELECT name, l || ', ' || r, l FROM unnest($5) AS name, unnest(few) AS l, unnest(few) AS r
    UNION ALL SELECT name, 'text, ' || l || ', ' || r, 'text' FROM unnest($6) AS name, unnest(few) AS l, unnest(few) AS r
    UNION ALL SELECT 'format', 'text, smallint, oid, name', 'text' LOOP
    EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', %SCHEMA%, one.name, one.arguments, one.returned,
      format(body, one.name || '(' || one.arguments || ')'));
  END LOOP;
END $plant$`;

/**
 * What somebody with CREATE on a database and its schema `public` leaves there for others' sessions: operators and functions that fit better
 * than PostgreSQL's own. In the server's template, so that they are in every database that is made from then on.
 */
export async function plantFoes(serverUrl: string): Promise<void> {
  const user = new URL(serverUrl).username;
  const list = (names: readonly string[]): string => `ARRAY[${names.map((name) => `'${name}'`).join(", ")}]::text[]`;
  const lists = [types, fewTypes, operators, ofOne, ofTwo, ofThree].map(list);
  const sql = plantSql.replaceAll(/\$(\d)/g, (_, number: string) => lists[Number(number) - 1] as string);
  const client = await plainClient(otherwise(serverUrl, { database: "template1" }));
  await client.query(sql.replaceAll("%USER%", `"${user}"`).replaceAll("%SCHEMA%", `'${user}'`));
  await client.end();
}

/** How often planted code has run in a database. */
export async function timesSprung(url: string): Promise<number> {
  const client = await plainClient(url);
  await client.query("SET search_path = pg_catalog");
  const { rows } = await client.query<{ n: string }>(
    "SELECT CASE WHEN is_called THEN last_value ELSE 0::bigint END AS n FROM public.bell",
  );
  await client.end();
  return Number(rows[0]?.n);
}

/** Runs `work` in such a database. What the foes break by being taken, without having run, is an error of the work. */
export async function untouched<T>(url: string, work: () => Promise<T>): Promise<T> {
  const before = await timesSprung(url);
  try {
    return await work();
  } finally {
    assert.equal((await timesSprung(url)) - before, 0, "planted code ran");
  }
}
