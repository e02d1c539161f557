import { MasklineError } from "../errors.ts";
import type { Database } from "./database.ts";
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

/** Any number that is ours alone. A lock on the table would want more rights than a writer has. */
const pinLock = 7_145_210_335;

/**
 * Compares ring and contract with what the database's tokens were made with; records what is new. One at a time: of two processes
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
  const table = `${quoteName(schema)}.mask_definition`;
  if (pins.length === 0) return;
  await database.transaction("comparing the key ring with the database", async (query) => {
    await query("SELECT pg_advisory_xact_lock($1)", [pinLock]);
    const stored = async (): Promise<{ domain: string; key_id: string; check_value: Buffer; fingerprint: string }[]> =>
      query(`SELECT domain, key_id, check_value, fingerprint FROM ${table} WHERE domain = ANY($1) ORDER BY recorded_at`, [
        pins.map(({ domain }) => domain),
      ]);
    // Before anything is written: a new ring must not enter a domain whose tokens another ring made.
    for (const row of await stored()) {
      if (!knownKeyIds.includes(Number(row.key_id))) {
        throw new MasklineError(
          "key_mismatch",
          `domain ${row.domain} has tokens of key ${row.key_id}, which this key ring does not hold`,
          {
            next: "use the key ring those rows were masked with (a new one makes equal values unequal)",
          },
        );
      }
    }
    for (const pin of pins) {
      await query(
        `INSERT INTO ${table} (domain, key_id, check_value, fingerprint) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
        [pin.domain, pin.keyId, Buffer.from(pin.checkValue), pin.fingerprint],
      );
    }
    for (const row of await stored()) {
      const pin = pins.find(({ domain, keyId }) => domain === row.domain && keyId === Number(row.key_id));
      const fingerprint = pins.find(({ domain }) => domain === row.domain)?.fingerprint;
      if (pin && !row.check_value.equals(pin.checkValue)) {
        throw new MasklineError(
          "key_mismatch",
          `key ${row.key_id} of this ring is not the key ${row.key_id} that masked domain ${row.domain}`,
          {
            next: "use the key ring those rows were masked with",
          },
        );
      }
      if (row.fingerprint !== fingerprint) {
        throw new MasklineError(
          "mask_changed",
          `domain ${row.domain} was masked with another kind, type or encoding than the contract says now`,
          {
            next: "restore the definition, or give the changed column a new domain",
          },
        );
      }
    }
  });
}
