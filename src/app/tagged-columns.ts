import { MasklineError } from "../errors.ts";
import { anchorOf } from "../keys/key-standing.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { createMask } from "../masks/create-mask.ts";
import { canOpen, maskFacts, type MaskDefinition, masksWhole, type ReversibleMask } from "../masks/mask.ts";
import type { MaskedColumn } from "../pipeline/masking.ts";
import type { Database } from "../postgres/database.ts";
import { readStanding, type RingStanding } from "../postgres/ring-keys.ts";
import type { TokenColumn } from "../postgres/token-columns.ts";
import type { InsideColumn } from "../recovery/inside-tokens.ts";
import type { TaggedColumn } from "../recovery/remask.ts";
import type { TokenLayout } from "../recovery/token-layout.ts";
import { type ConfiguredColumn, placedMasks } from "./config/configured-column.ts";
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
 * The columns whose values are tokens that say their key, each with the masks of today's key and of the anchor's; null for all others.
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
          anchorKeys(() => ring.domainKeys(kind, domain, anchorId), ring, anchorId),
        );
    return { name, domain, mask, keyId: ring.primaryId, anchor, anchorId };
  });
}

/** The columns with such tokens inside their values. Today's key makes them; no anchor's does, as no aliases are written for them. */
export function insideColumns(
  columns: readonly ConfiguredColumn[],
  ring: MaskKeys,
  { roots }: RingStanding,
): readonly InsideColumn[] {
  const oldKeyIds = [...new Set([...ring.keys, ...roots].map(({ id }) => id))].filter((id) => id !== ring.primaryId);
  return columns.flatMap((configured): InsideColumn[] => {
    const layout = layoutOf(configured);
    if (layout === "whole") return [];
    const byDomain = new Map(placedMasks(configured).map(({ mask }) => [mask.domain, mask]));
    const masks = [...byDomain.values()].flatMap((definition) => reopenedMask(definition, ring) ?? []);
    if (masks.length === 0) return [];
    const anchorId = anchorOf(roots) ?? ring.primaryId;
    return [{ name: configured.column.name, layout, masks, keyId: ring.primaryId, anchorId, oldKeyIds }];
  });
}

/** Null for a mask whose tokens do not say their key: they keep the one they have. */
function reopenedMask(definition: MaskDefinition, ring: MaskKeys): ReversibleMask | null {
  const { kind, domain } = definition;
  if (domain === null || !maskFacts[kind].tagged) return null;
  const mask = createMask(definition, ring.domainKeys(kind, domain));
  return canOpen(mask) ? mask : null;
}

function layoutOf({ inside }: ConfiguredColumn): TokenLayout {
  if (inside === undefined) return "whole";
  return "scan" in inside ? "text" : "json";
}

function anchorKeys<T>(keys: () => T, ring: MaskKeys, anchorId: number): T {
  try {
    return keys();
  } catch (error) {
    if (!(error instanceof MasklineError) || error.code !== "key_unknown") throw error;
    const status = ring.keys.find(({ id }) => id === anchorId)?.status;
    const rows = `rows of this database may hold tokens of root key ${anchorId}`;
    const lost = `maskline keys destroy ${anchorId} --lost goes on without it`;
    if (status === "DESTROYED") {
      throw new MasklineError("key_unknown", `${rows}, which is destroyed in this ring`, {
        next: `use a copy of the ring that still holds the key; if there is none, ${lost}`,
      });
    }
    const found = status === undefined ? "" : `maskline keys enable ${anchorId}, or `;
    throw new MasklineError("key_unknown", `${rows}, which this ring does not have enabled`, {
      next: `${found}give this process the whole ring; then maskline keys rekey${status === undefined ? ` (if no copy has the key any more, ${lost})` : ""}`,
    });
  }
}

/** Where this contract's tokens stand, for whoever wants to know whether a key is still in use. */
export function tokenColumns(settings: Settings, ring: MaskKeys): readonly TokenColumn[] {
  const { target } = settings;
  if (target === null) return [];
  return settings.columns.flatMap((configured) =>
    placedMasks(configured).flatMap(({ mask }): TokenColumn[] => {
      if (mask.domain === null) return [];
      const { name } = configured.column;
      const layout = layoutOf(configured);
      return [{ table: target, column: name, domain: mask.domain, layout, keyId: pinOf(mask, ring), ring: ringName(ring) }];
    }),
  );
}

/** Null for tokens that say their key; the ring's only key where none is named. */
function pinOf({ kind, key }: MaskDefinition, ring: MaskKeys): number | null {
  return maskFacts[kind].tagged ? null : (key ?? ring.primaryId);
}
