import { MasklineError } from "../../errors.ts";
import type { KeyRing } from "../../keys/ring.ts";
import type { Database } from "../../postgres/database.ts";
import { compareMaskDefinitions } from "../../postgres/mask-definitions.ts";
import { readStanding, type RingStanding } from "../../postgres/ring-keys.ts";
import { postgresOf } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";
import { maskPins } from "../masks.ts";
import { rightfulKeyIds, ringName } from "../tagged-columns.ts";

/** As `requireOwnRing`, but the copy may lack keys. @throws MasklineError `key_mismatch`, `mask_changed` */
export async function requireMatching(settings: Settings, database: Database, ring: KeyRing): Promise<RingStanding> {
  const { schema } = postgresOf(settings);
  const pins = maskPins(settings.columns, ring);
  await compareMaskDefinitions(database, schema, pins, await rightfulKeyIds(database, schema, ring));
  return readStanding(database, schema, ringName(ring));
}

/** Whether a ring is not the one of this database, as far as somebody can tell who may not read all that it is compared with. */
export async function isKnownOther(settings: Settings, database: Database, ring: KeyRing): Promise<boolean> {
  const own = ring.keys.map(({ id }) => id);
  try {
    await compareMaskDefinitions(database, postgresOf(settings).schema, maskPins(settings.columns, ring), own);
    return false;
  } catch (error) {
    return !(error instanceof MasklineError) || error.code !== "database_denied";
  }
}

/**
 * Refuses to change a ring that is not the one this database's tokens were made with, or a copy of it that lacks a key. Before the
 * ring or the database is written: a wrong one would stand there ever after.
 * @throws MasklineError `key_mismatch`, `mask_changed`, `key_retired`
 */
export async function requireOwnRing(settings: Settings, database: Database, ring: KeyRing): Promise<RingStanding> {
  const standing = await requireMatching(settings, database, ring);
  requireWhole(ring, standing);
  return standing;
}

/** A copy that lacks a key the database knows would, saved, be another ring, without that key; unless it is lost anyway. */
function requireWhole(ring: KeyRing, { roots }: RingStanding): void {
  const lacking = roots
    .filter(({ standing }) => standing !== "destroyed")
    .filter(({ id }) => !ring.keys.some((key) => key.id === id))
    .map(({ id }) => id);
  if (lacking.length === 0) return;
  throw new MasklineError(
    "key_retired",
    `this key ring is out of date: the database knows key ${lacking.join(", ")} of it, and this copy does not`,
    {
      next: `change the ring where it was rotated last, or copy it from there (if no copy has the key any more: maskline keys destroy ${lacking[0]} --lost)`,
    },
  );
}
