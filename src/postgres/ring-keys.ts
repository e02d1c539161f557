import { MasklineError } from "../errors.ts";
import { anchorOf, type KeyStanding, mayDrain, primaryOf, servesPins, type Standing } from "../keys/key-standing.ts";
import type { BatchKeys } from "../pipeline/ports.ts";
import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";

/**
 * Held shared by every transaction that writes tokens, exclusively by every change of a key's standing: once a key is closed, no load
 * that has seen it open can still commit. Any number that is ours alone.
 */
const standingLock = 7_145_210_336;

type StandingRow = { readonly kind: "root" | "sealing"; readonly id: string; readonly standing: Standing };

/** How the keys of a ring stand in a database. */
export interface RingStanding {
  /** In the order of their making. */
  readonly roots: readonly KeyStanding[];
  /** Sealing keys that may no longer seal. */
  readonly closedSealing: readonly number[];
}

/** A prelude for transactions that write tokens: waits for the lock, then reads in a snapshot of its own what is true from now on. */
export function standingPrelude(schema: string, ring: number): readonly string[] {
  return [`SELECT pg_advisory_xact_lock_shared(${standingLock})`, standingSql(schema, String(whole(ring)))];
}

export function standingOf(rows: readonly unknown[]): RingStanding {
  const found = rows as readonly StandingRow[];
  return {
    roots: found.flatMap(({ kind, id, standing }) => (kind === "root" ? [{ id: Number(id), standing }] : [])),
    closedSealing: found.flatMap(({ kind, id, standing }) => (kind === "sealing" && standing !== "open" ? [Number(id)] : [])),
  };
}

export async function readStanding(database: Database, schema: string, ring: number): Promise<RingStanding> {
  return standingOf(await database.query("reading how the keys stand", standingSql(schema, "$1"), [ring]));
}

/**
 * Refuses a batch whose keys are not those that may write now. Called inside the load's transaction, under the shared lock.
 * @throws MasklineError `key_retired`
 */
export function requireWritable({ roots, closedSealing }: RingStanding, keys: BatchKeys, seals: boolean): void {
  if (roots.find(({ id }) => id === keys.keyId)?.standing !== "open") throw retired("root", keys.keyId);
  // Made while another key was the anchor: its aliases say nothing any more.
  if (anchorOf(roots) !== keys.anchorId) throw retired("root", keys.anchorId);
  const barred = roots.find((key) => keys.pinnedIds.includes(key.id) && !servesPins(key));
  if (barred !== undefined) throw pinBarred(barred, "a mask");
  if (seals && closedSealing.includes(keys.sealingId)) throw retired("sealing", keys.sealingId);
}

/** The error of a mask that names a key which was taken out of use. */
export function pinBarred({ id, standing }: KeyStanding, who: string): MasklineError {
  return new MasklineError("key_retired", `${who} writes under root key ${id}, which is ${standing} in the database`, {
    next:
      standing === "disabled"
        ? `maskline keys enable ${id} to go on with it; or name another key, for a domain of its own`
        : "name a key that is left, for a domain of its own: what was masked under this one is masked for good",
  });
}

function retired(kind: string, id: number): MasklineError {
  return new MasklineError("key_retired", `${kind} key ${id} may no longer be used for writing: the ring was rotated`, {
    next: "give this process the key ring as it is now (maskline keys list shows it), then start it again",
  });
}

/**
 * Makes the keys of a ring known, and says how all of them stand. A key that is new here was never written with here, so only the
 * primary is open. The first ring of a database that has loaded before may have written with any of its enabled keys.
 */
export async function announceKeys(
  database: Database,
  schema: string,
  ring: number,
  primaryId: number,
  keys: readonly { readonly id: number; readonly status: "ENABLED" | "DISABLED" | "DESTROYED" }[],
): Promise<RingStanding> {
  const standing = await readStanding(database, schema, ring);
  const known = new Set(standing.roots.map(({ id }) => id));
  if (keys.every(({ id }) => known.has(id))) return standing;
  return withExclusiveStanding(database, schema, ring, "announcing keys", async (query, now) => {
    const [before] = await query<{ loaded: boolean }>(`SELECT EXISTS (SELECT 1 FROM ${quoteName(schema)}.ledger) AS loaded`);
    const upgrading = now.roots.length === 0 && before?.loaded === true;
    const there = new Set(now.roots.map(({ id }) => id));
    const unknown = keys.filter(({ id }) => !there.has(id));
    // the primary last: the newest open key is the one to write with
    for (const { id, status } of [
      ...unknown.filter((key) => key.id !== primaryId),
      ...unknown.filter((key) => key.id === primaryId),
    ]) {
      const mayHave = id === primaryId || (upgrading && status === "ENABLED");
      const state: Standing =
        status === "DESTROYED" ? "destroyed" : status === "DISABLED" ? "disabled" : mayHave ? "open" : "drained";
      // without `kind`, which a writer may not say
      await query(`INSERT INTO ${quoteName(schema)}.ring_key (ring, key_id, state) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [
        ring,
        id,
        state,
      ]);
    }
    return standingOf(await query(standingSql(schema, "$1"), [ring]));
  });
}

/** No load may write with these keys once this returns. */
export async function closeRoots(database: Database, schema: string, ring: number, ids: readonly number[]): Promise<void> {
  await withExclusiveStanding(database, schema, ring, "closing keys", async (query, { roots }) => {
    const open = roots.filter(({ id, standing }) => standing === "open" && ids.includes(id)).map(({ id }) => id);
    const primary = primaryOf(roots);
    if (primary !== null && open.includes(primary)) {
      throw new MasklineError("key_in_use", `key ${primary} is the newest open key here: it cannot be closed`, {
        next: "maskline keys rotate makes another",
      });
    }
    await setStanding(query, schema, ring, open, "closed");
  });
}

/** Takes back a `closeRoots` that nothing followed. */
export async function reopenRoot(database: Database, schema: string, ring: number, id: number): Promise<void> {
  await withExclusiveStanding(database, schema, ring, "opening a key again", async (query, { roots }) => {
    const closed = roots.some((key) => key.id === id && key.standing === "closed");
    if (closed) await setStanding(query, schema, ring, [id], "open");
  });
}

/**
 * Calls keys drained of which no row was found after they had been closed. False when that would take the anchor away while other
 * keys have rows: then another walk is needed first.
 */
export async function drainRoots(database: Database, schema: string, ring: number, ids: readonly number[]): Promise<boolean> {
  return withExclusiveStanding(database, schema, ring, "noting drained keys", async (query, { roots }) => {
    const standing = new Map(roots.map((key) => [key.id, key.standing]));
    if (ids.some((id) => standing.get(id) === "open") || !mayDrain(roots, ids)) return false;
    await setStanding(
      query,
      schema,
      ring,
      ids.filter((id) => standing.get(id) === "closed"),
      "drained",
    );
    return true;
  });
}

/** Sets what the ring has been, or is about to be, set to. */
export async function noteStanding(
  database: Database,
  schema: string,
  ring: number,
  id: number,
  standing: "drained" | "disabled" | "destroyed",
): Promise<void> {
  await withExclusiveStanding(database, schema, ring, "noting a key's state", (query) =>
    setStanding(query, schema, ring, [id], standing),
  );
}

/** No load may seal with this key once this returns. */
export async function closeSealing(database: Database, schema: string, ring: number, id: number): Promise<void> {
  await withExclusiveStanding(database, schema, ring, "closing a sealing key", async (query) => {
    await query(
      `INSERT INTO ${quoteName(schema)}.ring_key (ring, kind, key_id, state) VALUES ($1, 'sealing', $2, 'closed')
       ON CONFLICT (ring, kind, key_id) DO UPDATE SET state = 'closed', changed_at = now()`,
      [ring, id],
    );
  });
}

export async function reopenSealing(database: Database, schema: string, ring: number, id: number): Promise<void> {
  await database.query(
    "opening a sealing key again",
    `DELETE FROM ${quoteName(schema)}.ring_key WHERE ring = $1 AND kind = 'sealing' AND key_id = $2`,
    [ring, id],
  );
}

async function withExclusiveStanding<T>(
  database: Database,
  schema: string,
  ring: number,
  doing: string,
  work: (query: Query, standing: RingStanding) => Promise<T>,
): Promise<T> {
  const prelude = `SELECT pg_advisory_xact_lock(${standingLock});\n${standingSql(schema, String(whole(ring)))}`;
  return database.transaction(doing, (query, rows) => work(query, standingOf(rows)), { prelude });
}

async function setStanding(query: Query, schema: string, ring: number, ids: readonly number[], standing: Standing): Promise<void> {
  if (ids.length === 0) return;
  await query(
    `UPDATE ${quoteName(schema)}.ring_key SET state = $3, changed_at = now() WHERE ring = $1 AND kind = 'root' AND key_id = ANY($2::bigint[])`,
    [ring, ids, standing],
  );
}

function standingSql(schema: string, ring: string): string {
  return `SELECT kind, key_id AS id, state AS standing FROM ${quoteName(schema)}.ring_key WHERE ring = ${ring} ORDER BY position`;
}

/** What goes into a text without parameters has to be a number of ours. */
function whole(id: number): number {
  if (!Number.isSafeInteger(id) || id < 0) throw new MasklineError("internal", "a key id that is not a whole number");
  return id;
}
