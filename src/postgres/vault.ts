import { MasklineError } from "../errors.ts";
import type { Rows } from "../pipeline/ports.ts";
import type { BatchVault, Sighting } from "../pipeline/vault.ts";
import { DatabaseRefusal, type HaltedDatabase, type Query } from "./database.ts";
import { quoteName } from "./names.ts";

/** A token of a row, and whose the row is. */
interface Held {
  readonly row: number;
  readonly domain: string;
  readonly token: string;
  readonly subject: Buffer;
}

interface Entry {
  readonly domain: string;
  readonly token: string;
  readonly keyId: number;
  readonly sealed: Uint8Array;
}

/** What a load brings for the vault: an original for every token that was not there, and links of all rows. */
export interface VaultPart {
  readonly entries: readonly Entry[];
  readonly held: readonly Held[];
}

/**
 * Looks which tokens the vault has not got, and has their originals sealed: before the load's transaction, which holds no lock for as long
 * as sealing takes. What happens in between is seen when it is written: an original that came meanwhile stays, one that was erased
 * meanwhile fails the link to it (`isErasedMeanwhile`).
 * @param sealsAll also those that the vault has: an erasure is about to take some of them
 */
export async function sealFirstSightings(
  database: HaltedDatabase,
  schema: string,
  vault: BatchVault,
  rows: Rows,
  sealsAll: boolean,
): Promise<VaultPart> {
  const subjects = vault.subjects(rows);
  const held: Held[] = [];
  const sightings = new Map<string, Sighting>();
  vault.columns.forEach(({ place, domain }, column) => {
    for (const [row, delivery] of rows.deliveries.entries()) {
      const token = rows.columns[place]?.at(row) ?? null;
      const subject = subjects[column]?.[row];
      if (token === null || subject === undefined) continue;
      held.push({ row, domain, token, subject });
      const key = JSON.stringify([domain, token]);
      if (!sightings.has(key)) sightings.set(key, { delivery, column, token });
    }
  });
  if (held.length === 0) return { entries: [], held };
  const seen = [...sightings.values()];
  const first = sealsAll ? seen : await missingOf(database, schema, vault, seen);
  const sealed = first.length === 0 ? [] : await vault.seal(first);
  const entries = first.map(({ column, token }, index): Entry => {
    const { domain = "", keyId = 0 } = vault.columns[column] ?? {};
    return { domain, token, keyId, sealed: sealed[index] as Uint8Array };
  });
  return { entries, held };
}

async function missingOf(
  database: HaltedDatabase,
  schema: string,
  { columns }: BatchVault,
  seen: readonly Sighting[],
): Promise<readonly Sighting[]> {
  const missing = await database.query<{ place: number }>(
    "looking up tokens in the vault",
    `SELECT (place - 1)::int AS place FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS sighting (domain, token, place)
     WHERE NOT EXISTS (SELECT FROM ${quoteName(schema)}.vault WHERE vault.domain = sighting.domain AND vault.token = sighting.token)`,
    [seen.map(({ column }) => columns[column]?.domain), seen.map(({ token }) => token)],
  );
  return missing.map(({ place }) => seen[place] as Sighting);
}

/**
 * Writes originals and links of the rows that are new, within their transaction, in the order of their keys: two loads that share values
 * would otherwise deadlock. A duplicate brings nothing: what was erased does not come back with a message that is delivered once more.
 * @param isNew by the place of a row
 */
export async function writeVault(query: Query, schema: string, part: VaultPart, isNew: (row: number) => boolean): Promise<void> {
  const links = part.held.filter(({ row }) => isNew(row));
  if (links.length === 0) return;
  const own = quoteName(schema);
  const wanted = new Set(links.map(({ domain, token }) => JSON.stringify([domain, token])));
  const entries = part.entries.filter(({ domain, token }) => wanted.has(JSON.stringify([domain, token])));
  if (entries.length > 0) {
    await query(
      `INSERT INTO ${own}.vault (domain, token, key_id, sealed)
       SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) AS entry (domain, token, key_id, sealed)
       ORDER BY domain COLLATE "C", token COLLATE "C" ON CONFLICT DO NOTHING`,
      [
        entries.map(({ domain }) => domain),
        entries.map(({ token }) => token),
        entries.map(({ keyId }) => keyId),
        entries.map(({ sealed }) => sealed),
      ],
    );
  }
  await query(
    `INSERT INTO ${own}.vault_link (domain, token, subject)
     SELECT DISTINCT domain COLLATE "C", token COLLATE "C", subject
     FROM unnest($1::text[], $2::text[], $3::bytea[]) AS link (domain, token, subject)
     ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING`,
    [links.map(({ domain }) => domain), links.map(({ token }) => token), links.map(({ subject }) => subject)],
  );
}

/** So often an erasure may overtake the same load: each time it is another one. */
const mostOvertakings = 10;

/**
 * Does `write` again when an erasure has taken an original that it was about to link to. From then on it brings every original: what is left
 * to overtake it is the time between two statements.
 */
export async function beyondErasures<T>(write: (overtaken: boolean) => Promise<T>): Promise<T> {
  for (let overtaken = 0; overtaken < mostOvertakings; overtaken += 1) {
    try {
      return await write(overtaken > 0);
    } catch (error) {
      if (!(error instanceof DatabaseRefusal) || !isErasedMeanwhile(error)) throw error;
    }
  }
  throw new MasklineError("database_busy", "erasures took what a load was about to link to, again and again", {
    next: "run the command again",
  });
}

function isErasedMeanwhile({ failure: { sqlState, constraint, table } }: DatabaseRefusal): boolean {
  return sqlState === "23503" && table === "vault_link" && constraint === "vault_link_of_original";
}
