import { mayHaveRows } from "../keys/key-standing.ts";
import type { Database } from "./database.ts";
import { PostgresKeyUse } from "./key-use.ts";
import { quoteName } from "./names.ts";

/** What maskline owns in this database beside the schema of the configuration. */
export interface OtherSchema {
  readonly name: string;
  /** Whether this user may look into it. */
  readonly readable: boolean;
  /** Of a version that did not note yet where its tokens are. */
  readonly older: boolean;
}

/** Known by its tables, which another may have named so too: then it is looked at in vain, or told that it cannot be. */
export async function otherSchemas(database: Database, schema: string): Promise<readonly OtherSchema[]> {
  return database.query<{ name: string; readable: boolean; older: boolean }>(
    "looking for other schemas of maskline",
    `SELECT n.nspname AS name, count(c.oid) < 4 AS older,
            has_schema_privilege(n.oid, 'USAGE') AND bool_and(has_table_privilege(c.oid, 'SELECT')) AS readable
     FROM pg_catalog.pg_namespace n
     JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
      AND c.relname IN ('mask_definition', 'ring_key', 'token_column', 'replica')
     WHERE n.nspname <> $1
     GROUP BY n.oid, n.nspname
     HAVING bool_or(c.relname = 'mask_definition') AND EXISTS (
       SELECT 1 FROM pg_catalog.pg_class m WHERE m.relnamespace = n.oid AND m.relname = 'migration')
     ORDER BY n.nspname`,
    [schema],
  );
}

/** What uses a key in the other schemas of the database. There it has to be drained by itself: it is not closed from here. */
export interface UseElsewhere {
  /** Rows that were counted there, and tokens that do not say their key. */
  readonly holders: readonly string[];
  readonly pins: readonly string[];
  /** Where it is not over yet, or cannot be known. */
  readonly schemas: readonly string[];
}

export async function useElsewhere(database: Database, schema: string, ring: number, keyId: number): Promise<UseElsewhere> {
  const found = { holders: [] as string[], pins: [] as string[], schemas: [] as string[] };
  for (const { name, readable, older } of await otherSchemas(database, schema)) {
    const shown = `schema ${quoteName(name)} of this database`;
    if (!readable) {
      found.schemas.push(
        `${shown} is another of maskline's, and this user may not read it: whether it has tokens of key ${keyId} is not known`,
      );
      continue;
    }
    const use = new PostgresKeyUse(database, name, ring);
    const standing = older ? undefined : (await use.standing()).find(({ id }) => id === keyId);
    if (standing !== undefined && mayHaveRows(standing)) {
      found.schemas.push(`${shown} has key ${keyId} in use: it is ${standing.standing} there`);
    } else if (standing === undefined && (await masksWith(database, name, keyId))) {
      found.schemas.push(
        `${shown} has tokens of key ${keyId}; where they are is not known before it is migrated and its pipelines have started`,
      );
    } else if (!older) {
      found.holders.push(...(await use.holders([keyId])));
      found.pins.push(...(await use.pins([keyId])));
    }
  }
  return found;
}

async function masksWith(database: Database, schema: string, keyId: number): Promise<boolean> {
  const [row] = await database.query<{ masks: boolean }>(
    "looking for masks under a key",
    `SELECT EXISTS (SELECT 1 FROM ${quoteName(schema)}.mask_definition WHERE key_id = $1) AS masks`,
    [keyId],
  );
  return row?.masks === true;
}
