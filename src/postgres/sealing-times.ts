import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";
import { isSealedUnder, sealingIdHex } from "./sealed-under.ts";

/** What a database knows of a sealing key's time. */
export interface SealingTime {
  readonly id: number;
  /** Of the current key: since when it is known here. Of a former one: when it was last found in use. Milliseconds since 1970. */
  readonly atMs: number;
  /** Somebody has set out to destroy it: nothing may be sealed under it any more. */
  readonly closed: boolean;
}

export async function readSealingTimes(database: Database, schema: string, ring: number): Promise<readonly SealingTime[]> {
  return database.query<SealingTime & { id: number }>(
    "reading since when sealing keys are known",
    `SELECT key_id::float8 AS id, round(extract(epoch FROM changed_at)::numeric * 1000::numeric)::float8 AS "atMs", state <> 'open' AS closed
     FROM ${quoteName(schema)}.ring_key WHERE ring = $1 AND kind = 'sealing'`,
    [ring],
  );
}

/** All at once; a key that is closed stays what it is. */
export async function noteSealingTimes(
  database: Database,
  schema: string,
  ring: number,
  ids: readonly number[],
  atMs: number,
): Promise<void> {
  await database.query(
    "noting when sealing keys were in use",
    `INSERT INTO ${quoteName(schema)}.ring_key AS known (ring, kind, key_id, state, changed_at)
     SELECT $1, 'sealing', id, 'open', to_timestamp($3::float8 / 1000::float8) FROM unnest($2::bigint[]) AS noted (id)
     ON CONFLICT (ring, kind, key_id) DO UPDATE SET changed_at = excluded.changed_at WHERE known.state = 'open'`,
    [ring, ids, atMs],
  );
}

/** The first day of the earliest month of which the vault has an original that is sealed under a key; null where it has none. */
export async function firstSealedAtMs(database: Database, schema: string, sealingId: number): Promise<number | null> {
  const [row] = await database.transaction(
    "looking when a key sealed first",
    (query) =>
      query<{ atMs: number | null }>(
        `SELECT extract(epoch FROM min(epoch)::timestamp)::float8 * 1000::float8 AS "atMs"
         FROM ${quoteName(schema)}.vault WHERE ${isSealedUnder}`,
        [sealingIdHex(sealingId)],
      ),
    { unhurried: true, unfiltered: true },
  );
  return row?.atMs ?? null;
}
