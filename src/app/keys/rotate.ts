import { randomBytes } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import { addRoot, addSealingKey } from "../../keys/ring-changes.ts";
import { maskFacts } from "../../masks/mask.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { openRingForChange } from "../assemble-keys.ts";
import { withDatabase } from "../assemble-sink.ts";
import { placedMasks } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { announce } from "../live-masks.ts";
import { requireOwnRing } from "./known-ring.ts";

export interface Rotated {
  readonly kind: "root" | "sealing";
  readonly keyId: number;
  readonly before: number | null;
  /** Whether the database was told: running processes follow then by themselves. */
  readonly announced: boolean;
}

/**
 * Adds a root and makes it the primary. The ring is durable before anyone hears of the key: a token under a key that was lost could
 * never be opened again. @throws MasklineError `key_unpinned` when a mask would not know its key any more
 */
export async function rotateRoot(settings: Settings, { offline }: { readonly offline: boolean }): Promise<Rotated> {
  const { ring, save } = await openRingForChange(settings);
  refuseUnpinned(settings, ring.primaryId);
  const next = addRoot(ring, randomBytes);
  const rotated: Rotated = { kind: "root", keyId: next.primaryId, before: ring.primaryId, announced: false };
  if (offline || settings.options.sink?.postgres === undefined) {
    await save(next);
    return rotated;
  }
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    // the former keys first: to a database that has loaded before and knows no ring, they are the ones it was loaded with
    await requireOwnRing(settings, database, ring);
    await announce(settings, database, ring);
    await save(next);
    try {
      await announce(settings, database, next);
    } catch (error) {
      if (!(error instanceof MasklineError)) throw error;
      throw new MasklineError(
        error.code,
        `the ring has its new key ${next.primaryId}; the database could not be told: ${error.message}`,
        {
          next: "start any process with the new ring, or run maskline keys rekey: both tell it. Do not rotate again for this",
        },
      );
    }
    return { ...rotated, announced: true };
  });
}

/** Adds a sealing key pair and makes it the current one. Processes use it from their next start, or the next rotation of the root, on. */
export async function rotateSealing(settings: Settings, { offline }: { readonly offline: boolean }): Promise<Rotated> {
  const { ring, save } = await openRingForChange(settings);
  const next = addSealingKey(ring, randomBytes);
  if (!offline && settings.options.sink?.postgres !== undefined) {
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      await requireOwnRing(settings, database, ring);
    });
  }
  await save(next);
  return { kind: "sealing", keyId: next.sealing[0]?.id ?? 0, before: ring.sealing[0]?.id ?? null, announced: false };
}

/** Tokens that do not say their key must be told it before there are two: else no process could start with the new ring. */
function refuseUnpinned(settings: Settings, primaryId: number): void {
  const unpinned = settings.columns
    .flatMap(placedMasks)
    .filter(({ mask: { kind, key } }) => maskFacts[kind].keyed && !maskFacts[kind].tagged && key === null)
    .map(({ option, mask }) => `${option.join(".")}: add key: ${primaryId} beside kind: ${mask.kind}`);
  if (unpinned.length === 0) return;
  throw new MasklineError(
    "key_unpinned",
    "these tokens do not say which key made them; the contract has to, before the ring has a second",
    {
      details: unpinned,
      next: `write the lines above into ${settings.file}, restart what runs with it, then rotate`,
    },
  );
}
