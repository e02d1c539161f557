import type { Database } from "../postgres/database.ts";
import { requireSchema } from "../postgres/migrate.ts";
import { findPipeline } from "../postgres/pipelines.ts";
import { countPrunable, prune, type Pruned } from "../postgres/prune.ts";
import { postgresOf, withDatabase } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";

const nothing: Pruned = { receipts: 0, ledgerRows: 0, notes: 0, ended: "done" };

/** Removes what is older than `sink.postgres.receipt_days` of the configured pipeline. */
export async function pruneNow(settings: Settings, stop: AbortSignal): Promise<Pruned> {
  return onPipeline(settings, nothing, (database, scope) => prune(database, scope, stop));
}

/** What `pruneNow` would remove. */
export async function planPrune(settings: Settings): Promise<Omit<Pruned, "ended">> {
  return onPipeline(settings, nothing, countPrunable);
}

async function onPipeline<T>(
  settings: Settings,
  otherwise: T,
  work: (database: Database, scope: Parameters<typeof prune>[1]) => Promise<T>,
): Promise<T> {
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    const pipeline = await findPipeline(database, schema, settings.pipeline);
    return pipeline === null ? otherwise : work(database, { schema, pipeline, days: postgresOf(settings).receipt_days });
  });
}
