import { MasklineError } from "../../errors.ts";
import { auditPublicKeys } from "../../keys/audit-keys.ts";
import type { Standing } from "../../keys/key-standing.ts";
import { destroyRoot, disableRoot, enableRoot, removeSealingKey } from "../../keys/ring-changes.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { maskFacts } from "../../masks/mask.ts";
import type { Database } from "../../postgres/database.ts";
import { PostgresKeyUse } from "../../postgres/key-use.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { quoteName } from "../../postgres/names.ts";
import { otherSchemas, useElsewhere } from "../../postgres/other-schemas.ts";
import { countSealedUnder } from "../../postgres/quarantine.ts";
import { countOriginalsOf, countOriginalsUnder } from "../../postgres/recovery/originals.ts";
import { closeSealing, noteStanding, reopenRoot, reopenSealing } from "../../postgres/ring-keys.ts";
import { openRingForChange } from "../assemble-keys.ts";
import { withDatabase } from "../assemble-sink.ts";
import { placedMasks } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { announce } from "../live-masks.ts";
import { ringName } from "../tagged-columns.ts";
import { type KeyUsers, refuseUsed } from "./key-users.ts";
import { requireOwnRing } from "./known-ring.ts";

export interface KeyChangeRequest {
  readonly keyId: number;
  /** Changes the ring alone: what uses the key is not looked for. */
  readonly offline: boolean;
}

export interface KeyChange {
  readonly kind: "root" | "sealing";
  readonly keyId: number;
}

/** Takes a root out of use; its key is kept. @throws MasklineError `key_in_use` with everything that uses it; then nothing has changed */
export async function disableKey(settings: Settings, { keyId, offline }: KeyChangeRequest): Promise<KeyChange> {
  const { ring, save } = await openRingForChange(settings);
  if (isSealing(ring, keyId)) {
    throw new MasklineError("usage", `key ${keyId} is a sealing key: it is in use until it is destroyed`, {
      next: `maskline keys destroy ${keyId}, once maskline keys reseal has brought all under the newest`,
    });
  }
  const next = disableRoot(ring, keyId);
  refuseOwnPin(settings, keyId);
  await besideDatabase(settings, offline, async (database, schema) => {
    await retireRoot(settings, database, schema, ring, keyId);
    await noteStanding(database, schema, ringName(ring), keyId, "disabled");
  });
  await save(next);
  return { kind: "root", keyId };
}

/** Takes a disabled root back: its tokens open again. New ones are still made with the primary. */
export async function enableKey(settings: Settings, { keyId, offline }: KeyChangeRequest): Promise<KeyChange> {
  const { ring, save } = await openRingForChange(settings);
  const next = enableRoot(ring, keyId);
  await besideDatabase(settings, offline, async (database, schema) => {
    const { roots } = await requireOwnRing(settings, database, ring);
    // the ring first: a key that is called drained has to open
    await save(next);
    const standing = roots.find(({ id }) => id === keyId)?.standing;
    // given up as lost, and found again
    const shut = standing === "disabled" || standing === "destroyed";
    if (shut) await noteStanding(database, schema, ringName(ring), keyId, "drained");
  });
  if (offline) await save(next);
  return { kind: "root", keyId };
}

export interface KeyDestroyed extends KeyChange {
  /** What checks the rows of the audit that the root has signed: 32 bytes, from here on in no ring. Null for a sealing key. */
  readonly auditKey: Buffer | null;
}

/** Removes a key's bytes from the ring for good. @throws MasklineError `key_in_use` with everything that uses it; then nothing has changed */
export async function destroyKey(settings: Settings, { keyId, offline }: KeyChangeRequest): Promise<KeyDestroyed> {
  const { ring, save } = await openRingForChange(settings);
  if (isSealing(ring, keyId)) {
    const next = removeSealingKey(ring, keyId);
    await besideDatabase(settings, offline, async (database, schema) => {
      await requireOwnRing(settings, database, ring);
      await retireSealing(database, schema, ringName(ring), keyId);
    });
    await save(next);
    return { kind: "sealing", keyId, auditKey: null };
  }
  const auditKey = auditPublicKeys(ring).find((key) => key.keyId === keyId)?.publicKey ?? null;
  const next = destroyRoot(ring, keyId);
  refuseOwnPin(settings, keyId);
  await besideDatabase(settings, offline, async (database, schema) => {
    // the ring may have been changed alone before, and a backup restored since
    await retireRoot(settings, database, schema, ring, keyId);
    await save(next);
    await noteStanding(database, schema, ringName(ring), keyId, "destroyed");
  });
  if (offline) await save(next);
  return { kind: "root", keyId, auditKey };
}

/**
 * Nothing may use the key, and nothing may begin to: it is closed first and counted then. What is known to use it is told before
 * anything is closed, so that a mistake does not stop a running pipeline.
 */
async function retireRoot(settings: Settings, database: Database, schema: string, ring: KeyRing, keyId: number): Promise<void> {
  await requireOwnRing(settings, database, ring);
  const { roots } = await announce(settings, database, ring);
  const before: Standing | undefined = roots.find(({ id }) => id === keyId)?.standing;
  const use = new PostgresKeyUse(database, schema, ringName(ring));
  // whoever still has the key cannot load with it once the database calls it disabled
  const shut = before === "disabled" || before === "destroyed";
  const users = async (): Promise<KeyUsers> => {
    const elsewhere = await useElsewhere(database, schema, ringName(ring), keyId);
    const originals = await countOriginalsOf(database, schema, keyId);
    return {
      originals: originals === 0 ? [] : [`${originals} originals in the vault have tokens of it, and links that only it finds`],
      writers: shut ? [] : await use.writers([keyId]),
      pins: [...(await use.pins([keyId])), ...elsewhere.pins],
      rows: [...(await use.holders([keyId])), ...elsewhere.holders],
      schemas: elsewhere.schemas,
    };
  };
  refuseUsed(keyId, await users());
  if (shut) return;
  if (before === "open") await use.close([keyId]);
  try {
    // only while it was open can anything have come in since
    if (before === "open") refuseUsed(keyId, await users());
    if (await use.drain([keyId])) return;
    const aliases = await use.countAliases(keyId);
    refuseUsed(keyId, {
      aliases: [`its tokens stand for those of the other keys (${aliases} aliases) until every row is under one key`],
    });
  } catch (error) {
    if (before === "open") await reopenRoot(database, schema, ringName(ring), keyId);
    throw error;
  }
}

/** Nothing may be sealed under the key, in any schema that knows the ring, and nothing may begin to. */
async function retireSealing(database: Database, schema: string, ring: number, keyId: number): Promise<void> {
  const others = await otherSchemas(database, schema);
  const hidden = others.filter(({ readable }) => !readable).map(({ name }) => name);
  const current = [schema, ...others.flatMap(({ name, readable, older }) => (readable && !older ? [name] : []))];
  const older = others.flatMap((other) => (other.readable && other.older ? [other.name] : []));
  const uses = current.map((name) => new PostgresKeyUse(database, name, ring));
  const sealers = await Promise.all(uses.map((use) => use.sealers(keyId)));
  refuseUsed(keyId, {
    sealers: sealers.flat(),
    schemas: hidden.map(
      (name) => `schema ${quoteName(name)} of this database is another of maskline's, and this user may not read it`,
    ),
  });
  const closed: string[] = [];
  try {
    for (const [i, use] of uses.entries()) {
      const name = current[i] ?? schema;
      if (name !== schema && (await use.standing()).length === 0) continue;
      await closeSealing(database, name, ring, keyId);
      closed.push(name);
    }
    for (const name of [...current, ...older]) {
      const sealed = await countSealedUnder(database, name, keyId);
      const where = name === schema ? "the quarantine" : `the quarantine of schema ${quoteName(name)}`;
      refuseUsed(keyId, { sealed: sealed === 0 ? [] : [`${sealed} messages in ${where} are sealed under it`] });
      const originals = await countOriginalsUnder(database, name, keyId);
      const vault = name === schema ? "the vault" : `the vault of schema ${quoteName(name)}`;
      refuseUsed(keyId, { originals: originals === 0 ? [] : [`${originals} originals in ${vault} are sealed under it`] });
    }
  } catch (error) {
    for (const name of closed) await reopenSealing(database, name, ring, keyId);
    throw error;
  }
}

/** What no database knows yet: the contract as it is written now. */
function refuseOwnPin(settings: Settings, keyId: number): void {
  const pinned = settings.columns.flatMap(placedMasks).filter(({ mask }) => !maskFacts[mask.kind].tagged && mask.key === keyId);
  refuseUsed(keyId, {
    contract: pinned.map(({ option }) => `${option.join(".")} of ${settings.file} names it: key: ${keyId}`),
  });
}

function isSealing(ring: KeyRing, keyId: number): boolean {
  return ring.sealing.some(({ id }) => id === keyId) && !ring.roots.some(({ id }) => id === keyId);
}

/** Without a database nothing is known of a key's use: that has to be asked for. */
async function besideDatabase(
  settings: Settings,
  offline: boolean,
  work: (database: Database, schema: string) => Promise<void>,
): Promise<void> {
  if (offline) return;
  if (settings.options.sink?.postgres === undefined) {
    throw new MasklineError("usage", `${settings.file} names no database: whether the key is still in use cannot be known`, {
      next: "--offline changes the ring alone; tokens and sealed messages of that key then stay closed wherever they are",
    });
  }
  await withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    await work(database, schema);
  });
}
