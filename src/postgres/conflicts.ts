import { MasklineError } from "../errors.ts";
import type { Database } from "./database.ts";
import { showTable, type TableName } from "./names.ts";

// Partitioned tables learnt ON CONFLICT in PostgreSQL 11. An index that is checked late decides no conflict, and its being there is an error.
const keySql = `
SELECT c.relkind = 'p' AND current_setting('server_version_num')::integer < 110000 AS "tooOld",
       ARRAY(SELECT ic.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
             WHERE i.indrelid = c.oid AND NOT i.indimmediate ORDER BY 1) AS late
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`;

/**
 * Whether rows that clash with a unique key of the table can be skipped, asked before the first message.
 * @throws MasklineError `target_misfit`
 */
export async function checkSkipping(database: Database, table: TableName): Promise<void> {
  const [found] = await database.query<{ tooOld: boolean; late: readonly string[] }>(
    `looking at the keys of table ${showTable(table)}`,
    keySql,
    [table.schema, table.table],
  );
  const faults = (found?.late ?? []).map((name) => `constraint ${name}: is DEFERRABLE; clashes with it cannot be skipped`);
  if (found?.tooOld === true) faults.push("is partitioned: PostgreSQL 10 cannot skip clashes there");
  if (faults.length === 0) return;
  throw new MasklineError("target_misfit", `sink.postgres.on_conflict: skip does not work with table ${showTable(table)}`, {
    details: faults,
    next: "set on_conflict: refuse, or make the constraint NOT DEFERRABLE",
  });
}
