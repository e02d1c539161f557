import type { Query } from "../database.ts";

/** Whether a table or view is there and this user may read it; asked of the catalog, so that a missing right is no failed statement. */
export async function mayRead(query: Query, schema: string, table: string): Promise<boolean> {
  const [found] = await query<{ may: boolean }>(
    `SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS may
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, table],
  );
  return found?.may === true;
}
