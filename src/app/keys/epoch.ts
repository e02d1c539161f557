import { MasklineError } from "../../errors.ts";
import type { SealingKey } from "../../keys/sealing-key.ts";
import type { Database } from "../../postgres/database.ts";
import { PostgresKeyUse } from "../../postgres/key-use.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { countSealedUnder } from "../../postgres/quarantine.ts";
import { countOriginalsUnder } from "../../postgres/recovery/originals.ts";
import { firstSealedAtMs, noteSealingTimes, readSealingTimes } from "../../postgres/sealing-times.ts";
import type { Resealed } from "../../recovery/reseal.ts";
import { noSealingKey, openFullRing } from "../assemble-keys.ts";
import { withDatabase } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";
import { ringName } from "../tagged-columns.ts";
import { destroyKey } from "./key-changes.ts";
import { requireOwnRing } from "./known-ring.ts";
import { reseal } from "./reseal.ts";
import { rotateSealing } from "./rotate.ts";

export interface EpochRequest {
  /** Which month it is: of UTC. */
  readonly nowMs: number;
  /** Former keys go that so many months ago were last in use; null: none goes. */
  readonly destroyOlderMonths: number | null;
  /** Asked before keys are destroyed for good; throws where they are to stay. */
  readonly confirm: (keyIds: readonly number[]) => Promise<void>;
  readonly stop: AbortSignal;
}

/** A former sealing key that is still in the ring. */
export interface FormerKey {
  readonly keyId: number;
  /** When it was last found in use; a month as 2026-11. */
  readonly lastUsed: string;
  /** What it waits for, a line for people each; none where nothing uses it. */
  readonly waitsFor: readonly string[];
}

export interface EpochResult {
  readonly month: string;
  /** The current sealing key. */
  readonly keyId: number;
  /** The key it took the place of just now; null where the month had its own. */
  readonly before: number | null;
  readonly originals: Resealed;
  readonly bodies: Resealed;
  readonly destroyed: readonly number[];
  readonly former: readonly FormerKey[];
}

/**
 * One sealing key a month: makes this month's where it is not there, seals what there is under it, and destroys former keys when asked. Each
 * step finds out by itself what is left of it: killed anywhere and called again, as often as one likes, it goes on.
 */
export async function keepEpochs(settings: Settings, request: EpochRequest): Promise<EpochResult> {
  const { nowMs, stop } = request;
  const isOlder = await isOfEarlierMonth(settings, nowMs);
  const before = isOlder ? (await rotateSealing(settings, { offline: false })).before : null;
  // before anything is sealed anew: what a key seals now, backups of now need it for
  await noteUse(settings, nowMs);
  const { toKey, originals, bodies } = await reseal(settings, stop);
  const { destroyed, refused } = stop.aborted ? nothingDestroyed : await destroyOlder(settings, request);
  const former = (await formerKeys(settings, nowMs)).map(({ keyId, atMs, users }) => ({
    keyId,
    lastUsed: monthOf(atMs),
    waitsFor: refused.get(keyId) ?? users,
  }));
  return { month: monthOf(nowMs), keyId: toKey, before, originals, bodies, destroyed, former };
}

/** A key that the database has not heard of is as old as what it sealed; one that sealed nothing is as good as new. */
async function isOfEarlierMonth(settings: Settings, nowMs: number): Promise<boolean> {
  return onRing(settings, async ({ database, schema, name, current }) => {
    const known = (await readSealingTimes(database, schema, name)).find(({ id }) => id === current.id);
    const sinceMs = known?.atMs ?? (await firstSealedAtMs(database, schema, current.id)) ?? nowMs;
    return monthsFrom(sinceMs, nowMs) > 0;
  });
}

async function noteUse(settings: Settings, nowMs: number): Promise<void> {
  await onRing(settings, async ({ database, schema, name, current, former }) => {
    const known = new Set((await readSealingTimes(database, schema, name)).map(({ id }) => id));
    const used: number[] = known.has(current.id) ? [] : [current.id];
    // the one that sealed when this was looked at last: it may have done so until now
    const latest = known.has(current.id) ? null : former.find(({ id }) => known.has(id));
    for (const { id } of former) {
      const mayBeUsed = !known.has(id) || id === latest?.id;
      if (mayBeUsed || (await usersOf(database, schema, name, id)).length > 0) used.push(id);
    }
    if (used.length > 0) await noteSealingTimes(database, schema, name, used, nowMs);
  });
}

interface Destroyed {
  readonly destroyed: readonly number[];
  /** Used where this schema does not show it. */
  readonly refused: ReadonlyMap<number, readonly string[]>;
}

const nothingDestroyed: Destroyed = { destroyed: [], refused: new Map() };

async function destroyOlder(settings: Settings, { nowMs, destroyOlderMonths, confirm }: EpochRequest): Promise<Destroyed> {
  if (destroyOlderMonths === null) return nothingDestroyed;
  const due = (await formerKeys(settings, nowMs))
    .filter(({ users }) => users.length === 0)
    // one that is closed was to be destroyed when its destroyer was killed
    .filter(({ closed, atMs }) => closed || monthsFrom(atMs, nowMs) >= destroyOlderMonths)
    .map(({ keyId }) => keyId);
  if (due.length === 0) return nothingDestroyed;
  await confirm(due);
  const destroyed: number[] = [];
  const refused = new Map<number, readonly string[]>();
  for (const keyId of due) {
    try {
      await destroyKey(settings, { keyId, offline: false });
      destroyed.push(keyId);
    } catch (error) {
      if (!(error instanceof MasklineError) || error.code !== "key_in_use") throw error;
      refused.set(keyId, error.details);
    }
  }
  return { destroyed, refused };
}

interface Former {
  readonly keyId: number;
  readonly atMs: number;
  readonly closed: boolean;
  readonly users: readonly string[];
}

/** The newest first, as the ring has them. */
async function formerKeys(settings: Settings, nowMs: number): Promise<readonly Former[]> {
  return onRing(settings, async ({ database, schema, name, former }) => {
    const times = await readSealingTimes(database, schema, name);
    const found: Former[] = [];
    for (const { id: keyId } of former) {
      // not there: it was to be destroyed just now, and another schema uses it
      const { atMs, closed } = times.find(({ id }) => id === keyId) ?? { atMs: nowMs, closed: false };
      found.push({ keyId, atMs, closed, users: await usersOf(database, schema, name, keyId) });
    }
    return found;
  });
}

async function usersOf(database: Database, schema: string, ring: number, keyId: number): Promise<readonly string[]> {
  const originals = await countOriginalsUnder(database, schema, keyId);
  const bodies = await countSealedUnder(database, schema, keyId);
  return [
    ...(await new PostgresKeyUse(database, schema, ring).sealers(keyId)),
    ...(originals === 0 ? [] : [`${originals} originals in the vault are sealed under it`]),
    ...(bodies === 0 ? [] : [`${bodies} refused messages are sealed under it`]),
  ];
}

interface RingInDatabase {
  readonly database: Database;
  readonly schema: string;
  /** The ring's. */
  readonly name: number;
  readonly current: SealingKey;
  readonly former: readonly SealingKey[];
}

async function onRing<T>(settings: Settings, work: (place: RingInDatabase) => Promise<T>): Promise<T> {
  const ring = await openFullRing(settings);
  const [current, ...former] = ring.sealing;
  if (current === undefined) throw noSealingKey();
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    await requireOwnRing(settings, database, ring);
    return work({ database, schema, name: ringName(ring), current, former });
  });
}

/** Of UTC, as the vault's own. */
function monthOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 7);
}

/** Months of the calendar that have begun since. */
function monthsFrom(sinceMs: number, nowMs: number): number {
  const [since, now] = [new Date(sinceMs), new Date(nowMs)];
  return (now.getUTCFullYear() - since.getUTCFullYear()) * 12 + now.getUTCMonth() - since.getUTCMonth();
}
