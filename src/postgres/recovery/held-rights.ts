import type { Database } from "../database.ts";
import { quoteName } from "../names.ts";
import type { Right } from "./database-role.ts";

type Asked = { readonly table: string; readonly column: string | null; readonly privilege: string };

/**
 * Which of these rights on tables of maskline's schema this user lacks, in words. Asked of the catalog, column by column: rights on all
 * columns are as good as one on the table.
 */
export async function lackedRights(database: Database, schema: string, rights: readonly Right[]): Promise<readonly string[]> {
  const asked = rights.flatMap(askedBy);
  const lacked = await database.query<{ place: number }>(
    "looking at the rights of this user",
    `SELECT (place - 1)::int AS place FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS asked (of_table, of_column, privilege, place)
     WHERE (SELECT bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, asked.privilege))
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE n.nspname = $1 AND c.relname = asked.of_table AND a.attname = coalesce(asked.of_column, a.attname)) IS NOT TRUE
     ORDER BY place`,
    [schema, asked.map(({ table }) => table), asked.map(({ column }) => column), asked.map(({ privilege }) => privilege)],
  );
  const found = lacked.flatMap(({ place }) => asked[place] ?? []);
  return [...Map.groupBy(found, ({ table, privilege }) => JSON.stringify([table, privilege])).values()].map((alike) => {
    const columns = alike.flatMap(({ column }) => (column === null ? [] : [quoteName(column)]));
    const [{ table, privilege } = { table: "", privilege: "" }] = alike;
    const of = columns.length === 0 ? "" : ` (${columns.join(", ")})`;
    return `${privilege}${of} on ${quoteName(schema)}.${quoteName(table)}`;
  });
}

function askedBy(right: Right): readonly Asked[] {
  if (!("tables" in right)) return [];
  const { tables, columns = [null] } = right;
  return tables.flatMap((table) =>
    right.may.split(", ").flatMap((privilege) => columns.map((column) => ({ table, column, privilege }))),
  );
}
