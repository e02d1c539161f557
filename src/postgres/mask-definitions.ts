import { MasklineError } from "../errors.ts";
import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";

/** What a ring and a contract say of one domain under one key. */
export interface MaskPin {
  readonly domain: string;
  readonly keyId: number;
  /** Derived from the key for this purpose only; tells keys apart without telling the key. */
  readonly checkValue: Uint8Array;
  /** Of the mask's definition: kind, type, encoding, canonical form. */
  readonly fingerprint: string;
}

type StoredDefinition = {
  readonly domain: string;
  readonly key_id: string;
  readonly check_value: Buffer;
  readonly fingerprint: string;
};

/** Any number that is ours alone. A lock on the table would want more rights than a writer has. */
const pinLock = 7_145_210_335;

/**
 * Compares ring and contract with what the database's tokens were made with, and records what is new. One at a time: of two processes
 * that start at once with different rings, the second sees what the first recorded.
 * @param knownKeyIds every key id in the ring, whatever its state
 * @throws MasklineError `key_mismatch`, `mask_changed`
 */
export async function pinMaskDefinitions(
  database: Database,
  schema: string,
  pins: readonly MaskPin[],
  knownKeyIds: readonly number[],
): Promise<void> {
  if (pins.length === 0) return;
  await database.transaction("comparing the key ring with the database", async (query) => {
    await query("SELECT pg_advisory_xact_lock($1)", [pinLock]);
    const stored = await storedDefinitions(query, schema, pins);
    compare(stored, pins, knownKeyIds);
    const isNew = ({ domain, keyId }: MaskPin): boolean =>
      !stored.some((row) => row.domain === domain && Number(row.key_id) === keyId);
    for (const { domain, keyId, checkValue, fingerprint } of pins.filter(isNew)) {
      await query(`INSERT INTO ${tableIn(schema)} (domain, key_id, check_value, fingerprint) VALUES ($1, $2, $3, $4)`, [
        domain,
        keyId,
        Buffer.from(checkValue),
        fingerprint,
      ]);
    }
  });
}

/** As `pinMaskDefinitions`, but records nothing: for looking before anything is masked. */
export async function compareMaskDefinitions(
  database: Database,
  schema: string,
  pins: readonly MaskPin[],
  knownKeyIds: readonly number[],
): Promise<void> {
  if (pins.length === 0) return;
  const doing = "comparing the key ring with the database";
  compare(await database.transaction(doing, (query) => storedDefinitions(query, schema, pins)), pins, knownKeyIds);
}

function storedDefinitions(query: Query, schema: string, pins: readonly MaskPin[]): Promise<StoredDefinition[]> {
  const domains = pins.map(({ domain }) => domain);
  const sql = `SELECT domain, key_id, check_value, fingerprint FROM ${tableIn(schema)} WHERE domain = ANY($1) ORDER BY recorded_at`;
  return query<StoredDefinition>(sql, [domains]);
}

/** The definition before the key: a mask of another kind has another key too, and the definition is what its user changed. */
function compare(stored: readonly StoredDefinition[], pins: readonly MaskPin[], knownKeyIds: readonly number[]): void {
  for (const { domain, key_id, check_value, fingerprint } of stored) {
    const ofDomain = pins.filter((pin) => pin.domain === domain);
    if (ofDomain.some((pin) => pin.fingerprint !== fingerprint)) {
      throw new MasklineError(
        "mask_changed",
        `domain ${domain} was masked with another kind, type or encoding than the contract says now`,
        {
          next: "restore the definition, or give the changed column a new domain",
        },
      );
    }
    if (!knownKeyIds.includes(Number(key_id))) {
      throw new MasklineError("key_mismatch", `domain ${domain} has tokens of key ${key_id}, which this key ring does not hold`, {
        next: "use the key ring those rows were masked with (a new one makes equal values unequal)",
      });
    }
    const pin = ofDomain.find(({ keyId }) => keyId === Number(key_id));
    if (pin && !check_value.equals(pin.checkValue)) {
      throw new MasklineError("key_mismatch", `key ${key_id} of this ring is not the key ${key_id} that masked domain ${domain}`, {
        next: "use the key ring those rows were masked with",
      });
    }
  }
}

function tableIn(schema: string): string {
  return `${quoteName(schema)}.mask_definition`;
}
