import { MasklineError } from "../errors.ts";
import { anchorOf } from "../keys/key-standing.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { createMask } from "../masks/create-mask.ts";
import { canOpen, maskFacts, masksWhole } from "../masks/mask.ts";
import type { MaskedColumn } from "../pipeline/prepare.ts";
import type { Database } from "../postgres/database.ts";
import { readStanding, type RingStanding } from "../postgres/ring-keys.ts";
import type { TokenColumn } from "../postgres/token-columns.ts";
import type { TaggedColumn } from "../recovery/remask.ts";
import type { ConfiguredColumn } from "./config/columns.ts";
import type { Settings } from "./config/load.ts";

/** The name of a ring: the id of its first root, which stays in it whatever its state. */
export function ringName(ring: MaskKeys): number {
  return ring.keys[0]?.id ?? ring.primaryId;
}

/**
 * Every key that tokens of this database may rightly be of: those of the ring, whatever their state, and those that the database knows
 * of the same ring, which a process that was not given the new ring yet does not have.
 */
export async function rightfulKeyIds(database: Database, schema: string, ring: MaskKeys): Promise<readonly number[]> {
  const { roots } = await readStanding(database, schema, ringName(ring));
  return [...ring.keys, ...roots].map(({ id }) => id);
}

/**
 * The columns whose tokens say their key, each with the masks of today's key and of the anchor's; null for all others.
 * @throws MasklineError `key_unknown` when the ring does not hold the anchor enabled: equal values could not be kept equal
 */
export function taggedColumns(
  masked: readonly MaskedColumn[],
  ring: MaskKeys,
  { roots }: RingStanding,
): readonly (TaggedColumn | null)[] {
  const anchorId = anchorOf(roots) ?? ring.primaryId;
  return masked.map(({ column: { name }, mask }) => {
    if (mask === null || !masksWhole(mask) || !mask.tagged || !canOpen(mask) || mask.definition.domain === null) return null;
    const { definition } = mask;
    const { domain, kind } = mask.definition;
    const same = anchorId === ring.primaryId;
    const anchor = same
      ? mask
      : createMask(
          definition,
          anchorKeys(() => ring.domainKeys(kind, domain, anchorId), anchorId),
        );
    return { name, domain, mask, keyId: ring.primaryId, anchor, anchorId };
  });
}

function anchorKeys<T>(keys: () => T, anchorId: number): T {
  try {
    return keys();
  } catch (error) {
    if (!(error instanceof MasklineError) || error.code !== "key_unknown") throw error;
    throw new MasklineError(
      "key_unknown",
      `rows of this database may hold tokens of root key ${anchorId}, which this ring does not have enabled`,
      {
        next: `maskline keys enable ${anchorId}, or give this process the whole ring; then maskline keys rekey`,
      },
    );
  }
}

/** Where this contract's tokens stand, for whoever wants to know whether a key is still in use. */
export function tokenColumns(settings: Settings, ring: MaskKeys): readonly TokenColumn[] {
  const { target } = settings;
  if (target === null) return [];
  return settings.columns.flatMap((configured): TokenColumn[] => {
    const domain = configured.mask?.domain ?? null;
    if (domain === null) return [];
    return [{ table: target, column: configured.column.name, domain, keyId: pinOf(configured, ring), ring: ringName(ring) }];
  });
}

/** Null for tokens that say their key; the ring's only key where none is named. */
function pinOf({ mask }: ConfiguredColumn, ring: MaskKeys): number | null {
  if (mask === null || maskFacts[mask.kind].tagged) return null;
  return mask.key ?? ring.primaryId;
}
