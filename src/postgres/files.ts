import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";

/** A file as it is given: by what it holds, and its base name. */
export interface GivenFile {
  readonly fingerprint: string;
  readonly name: string;
  /** As it lies there. */
  readonly bytes: number;
  readonly blockBytes: number;
  /** Null where the file has to be unpacked to know. */
  readonly blocks: number | null;
}

/** A file that was begun or loaded before. */
export type KnownFile = GivenFile & { readonly firstAt: Date; readonly lastAt: Date };

/** What is known of these contents, and of other contents under these names; the oldest first. */
export async function findFiles(
  database: Pick<Database, "query">,
  schema: string,
  pipeline: number,
  files: readonly Pick<GivenFile, "fingerprint" | "name">[],
): Promise<readonly KnownFile[]> {
  return database.query<KnownFile>(
    "looking for what is known of the files",
    `SELECT fingerprint, name, bytes::float8 AS bytes, block_bytes AS "blockBytes", blocks, first_at AS "firstAt", last_at AS "lastAt"
     FROM ${quoteName(schema)}.file WHERE pipeline = $1 AND (fingerprint = ANY ($2) OR name = ANY ($3)) ORDER BY first_at`,
    [pipeline, files.map(({ fingerprint }) => fingerprint), files.map(({ name }) => name)],
  );
}

/** Writes down that these are about to be loaded. */
export async function noteFiles(
  database: Pick<Database, "query">,
  schema: string,
  pipeline: number,
  files: readonly GivenFile[],
): Promise<void> {
  // in the order of the key: two that begin with the same files would otherwise deadlock
  await database.query(
    "writing down the files",
    `INSERT INTO ${quoteName(schema)}.file (pipeline, fingerprint, name, bytes, block_bytes, blocks)
     SELECT $1, fingerprint, name, bytes, block_bytes, blocks
     FROM unnest($2::text[], $3::text[], $4::bigint[], $5::integer[], $6::integer[]) AS given (fingerprint, name, bytes, block_bytes, blocks)
     ORDER BY fingerprint COLLATE "C", name COLLATE "C"
     ON CONFLICT (pipeline, fingerprint, name) DO UPDATE SET last_at = now()`,
    [
      pipeline,
      files.map(({ fingerprint }) => fingerprint),
      files.map(({ name }) => name),
      files.map(({ bytes }) => bytes),
      files.map(({ blockBytes }) => blockBytes),
      files.map(({ blocks }) => blocks),
    ],
  );
}

/** Writes down how many blocks a compressed file has: known once it has been unpacked to its end. */
export async function noteBlocks(
  database: Pick<Database, "query">,
  schema: string,
  pipeline: number,
  fingerprint: string,
  blocks: number,
): Promise<void> {
  await database.query(
    "writing down how long a file is",
    `UPDATE ${quoteName(schema)}.file SET blocks = $3 WHERE pipeline = $1 AND fingerprint = $2 AND blocks IS NULL`,
    [pipeline, fingerprint, blocks],
  );
}

/** Where a stream stands, and how long nobody has moved it. */
export type StreamStanding = { readonly stream: string; readonly next: number; readonly silentMs: number };

const standing = `stream, next::float8 AS next, extract(epoch FROM clock_timestamp() - moved_at)::float8 * 1000::float8 AS "silentMs"`;

/** Of the streams that have been begun whose names begin so, each prefix ending in a slash. */
export async function findStreams(
  database: Pick<Database, "query">,
  schema: string,
  pipeline: number,
  prefixes: readonly string[],
): Promise<readonly StreamStanding[]> {
  // '0' comes right after '/': a range of the key
  return database.query<StreamStanding>(
    "reading positions",
    `SELECT ${standing} FROM unnest($2::text[]) AS prefix
     JOIN ${quoteName(schema)}.position ON pipeline = $1
       AND stream >= prefix COLLATE "C" AND stream < (left(prefix, -1) || '0') COLLATE "C"`,
    [pipeline, prefixes],
  );
}

/** Null where it has not been begun. */
export async function findStream(query: Query, schema: string, pipeline: number, stream: string): Promise<StreamStanding | null> {
  const [found] = await query<StreamStanding>(
    `SELECT ${standing} FROM ${quoteName(schema)}.position WHERE pipeline = $1 AND stream = $2`,
    [pipeline, stream],
  );
  return found ?? null;
}
