import { MasklineError } from "../errors.ts";
import { type Database, ownPath, type Query } from "./database.ts";
import { initial } from "./migrations/0001-initial.ts";
import { keyRotation } from "./migrations/0002-key-rotation.ts";
import { delivery } from "./migrations/0003-delivery.ts";
import { failureBudget } from "./migrations/0004-failure-budget.ts";
import { positions } from "./migrations/0005-positions.ts";
import { leanReceipts } from "./migrations/0006-lean-receipts.ts";
import { recovery } from "./migrations/0007-recovery.ts";
import { vault } from "./migrations/0008-vault.ts";
import { quarantineExit } from "./migrations/0009-quarantine-exit.ts";
import { quoteName } from "./names.ts";

/** Forward only: a migration that has been released is never changed, the next one is added. */
const migrations: readonly { readonly version: number; readonly sql: (schema: string) => string }[] = [
  { version: 1, sql: initial },
  { version: 2, sql: keyRotation },
  { version: 3, sql: delivery },
  { version: 4, sql: failureBudget },
  { version: 5, sql: positions },
  { version: 6, sql: leanReceipts },
  { version: 7, sql: recovery },
  { version: 8, sql: vault },
  { version: 9, sql: quarantineExit },
];

export const schemaVersion: number = migrations.length;

/** Any number that is ours alone: two `migrate` at once wait for each other. */
const migrationLock = 7_145_210_334;

/** The SQL for a new database as one script, for people who must hand it to someone else. */
export function migrationScript(schema: string): string {
  return `BEGIN;\n${ownPath};\nCREATE SCHEMA IF NOT EXISTS ${quoteName(schema)};\n${stepsFrom(schema, 0)}COMMIT;\n`;
}

/** What brings a schema from version `from` to today. */
function stepsFrom(schema: string, from: number): string {
  const quoted = quoteName(schema);
  const steps = migrations
    .filter(({ version }) => version > from)
    .map(
      ({ version, sql }) =>
        `-- ${version}\n${sql(quoted).trim()}\nINSERT INTO ${quoted}.migration (version) VALUES (${version});\n`,
    );
  return steps.join("\n");
}

/** Creates or upgrades what maskline owns, in one transaction. Never touches the user's own tables. Says which versions were applied. */
export async function migrate(database: Database, schema: string): Promise<readonly number[]> {
  return database.transaction("migrating", async (query) => {
    await query("SELECT pg_advisory_xact_lock($1)", [migrationLock]);
    const from = await installedVersion(query, schema);
    refuseNewer(from, schema);
    if (from === schemaVersion) return [];
    // only where it is not there: the right to create schemas is needed even for one that is
    const [found] = await query<{ there: boolean }>("SELECT to_regnamespace($1) IS NOT NULL AS there", [quoteName(schema)]);
    if (found?.there !== true) await query(`CREATE SCHEMA ${quoteName(schema)}`);
    await query(stepsFrom(schema, from));
    return migrations.map(({ version }) => version).filter((version) => version > from);
  });
}

/** Refuses to go on unless what maskline owns is there and of this program's version. */
export async function requireSchema(database: Database, schema: string): Promise<void> {
  const version = await database.transaction("looking for what maskline owns", (query) => installedVersion(query, schema));
  refuseNewer(version, schema);
  if (version === 0) {
    throw new MasklineError("schema_missing", `${database.where} has no schema ${quoteName(schema)} of maskline`, {
      next: "maskline migrate   (or `maskline migrate --print` to hand the SQL to someone else)",
    });
  }
  if (version < schemaVersion) {
    throw new MasklineError(
      "schema_older",
      `schema ${quoteName(schema)} in ${database.where} is at version ${version} of ${schemaVersion}`,
      {
        next: "maskline migrate",
      },
    );
  }
}

/** 0 where nothing has been created. */
async function installedVersion(query: Query, schema: string): Promise<number> {
  const [table] = await query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [
    `${quoteName(schema)}.migration`,
  ]);
  if (!table?.there) return 0;
  const [row] = await query<{ version: number | null }>(`SELECT max(version) AS version FROM ${quoteName(schema)}.migration`);
  return row?.version ?? 0;
}

function refuseNewer(version: number, schema: string): void {
  if (version <= schemaVersion) return;
  throw new MasklineError(
    "schema_newer",
    `schema ${quoteName(schema)} is at version ${version}, this program knows ${schemaVersion}`,
    {
      next: "install the newer maskline",
    },
  );
}
