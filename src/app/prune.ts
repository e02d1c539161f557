import { MasklineError } from "../errors.ts";
import type { Database } from "../postgres/database.ts";
import { requireSchema } from "../postgres/migrate.ts";
import { findPipeline } from "../postgres/pipelines.ts";
import { countPrunable, prune, type Pruned } from "../postgres/prune.ts";
import { countOldExits, pruneExits } from "../postgres/recovery/prune-exits.ts";
import { postgresOf, withDatabase } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";

/** Also rows that say who took messages out of the quarantine; null where they were not looked at. */
export type PrunedAll = Pruned & { readonly exits: number | null };

const nothing: Pruned = { receipts: 0, ledgerRows: 0, notes: 0, ended: "done" };

/**
 * Removes what is older than `sink.postgres.receipt_days` of the configured pipeline.
 * @param exitDays how long it is kept who took which message out of the quarantine; null: for good
 */
export async function pruneNow(settings: Settings, stop: AbortSignal, exitDays: number | null = null): Promise<PrunedAll> {
  refuseShort(settings, exitDays);
  return onPipeline(settings, { ...nothing, exits: exitDays === null ? null : 0 }, async (database, scope) => {
    const pruned = await prune(database, scope, stop);
    const exits = exitDays === null ? null : await pruneExits(database, { ...scope, days: exitDays }, stop);
    return { ...pruned, exits, ended: pruned.ended === "done" && stop.aborted ? "stopped" : pruned.ended };
  });
}

/** What `pruneNow` would remove. */
export async function planPrune(settings: Settings, exitDays: number | null = null): Promise<Omit<PrunedAll, "ended">> {
  refuseShort(settings, exitDays);
  return onPipeline(settings, { ...nothing, exits: exitDays === null ? null : 0 }, async (database, scope) => ({
    ...(await countPrunable(database, scope)),
    exits: exitDays === null ? null : await countOldExits(database, { ...scope, days: exitDays }),
  }));
}

/** A century. */
const longestDays = 36_500;

/** A receipt that says `discarded` should find who did it. @throws MasklineError `usage` */
function refuseShort(settings: Settings, exitDays: number | null): void {
  const least = postgresOf(settings).receipt_days;
  if (exitDays === null || (exitDays >= least && exitDays <= longestDays)) return;
  throw new MasklineError(
    "usage",
    `--exits takes ${least} to ${longestDays} days: receipts are kept for ${least} (sink.postgres.receipt_days)`,
  );
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
