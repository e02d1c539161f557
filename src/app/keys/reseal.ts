import { sealingSelfTest } from "../../keys/self-test.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { sealedQuarantine, sealedVault } from "../../postgres/sealed-tables.ts";
import { type Resealed, resealTable } from "../../recovery/reseal.ts";
import { noSealingKey, openFullRing } from "../assemble-keys.ts";
import { withDatabase } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";
import { ringName } from "../tagged-columns.ts";
import { requireOwnRing } from "./known-ring.ts";

export interface ResealResult {
  /** The current sealing key. */
  readonly toKey: number;
  readonly originals: Resealed;
  readonly bodies: Resealed;
}

/** Brings the vault and the quarantine under the current sealing key, so that the former one can be destroyed. */
export async function reseal(settings: Settings, stop: AbortSignal): Promise<ResealResult> {
  await sealingSelfTest();
  const ring = await openFullRing(settings);
  const [current] = ring.sealing;
  if (current === undefined) throw noSealingKey();
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    await requireOwnRing(settings, database, ring);
    const options = { schema, ring: ringName(ring), sealingId: current.id };
    const originals = await resealTable(sealedVault(database, options), ring.sealing, stop);
    const bodies = await resealTable(sealedQuarantine(database, options), ring.sealing, stop);
    return { toKey: current.id, originals, bodies };
  });
}
