import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";

/** A running process, and the keys it writes with. */
export interface Replica {
  readonly run: string;
  readonly pipeline: number;
  readonly ring: number;
  readonly keyId: number;
  readonly sealingId: number;
}

/** A process that was heard of within the last minute. */
export type LiveReplica = {
  readonly run: string;
  readonly pipeline: string;
  readonly keyId: number;
  readonly sealingId: number;
  readonly silentSeconds: number;
};

/** A process that has not been heard of for so long is taken for dead. Whatever it does later, its loads are refused by the key's standing. */
export const aliveForSeconds = 60;

export async function reportReplica(database: Database, schema: string, replica: Replica): Promise<void> {
  const { run, pipeline, ring, keyId, sealingId } = replica;
  await database.query(
    "reporting which key is written with",
    `INSERT INTO ${quoteName(schema)}.replica (run, pipeline, ring, key_id, sealing_id) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (run) DO UPDATE SET ring = excluded.ring, key_id = excluded.key_id, sealing_id = excluded.sealing_id, seen_at = now()`,
    [run, pipeline, ring, keyId, sealingId],
  );
}

/** At an orderly end. */
export async function dismissReplica(database: Database, schema: string, run: string): Promise<void> {
  await database.query("reporting the end of a run", `DELETE FROM ${quoteName(schema)}.replica WHERE run = $1`, [run]);
}

/** At a start: where every run is killed, none of them cleans up at its end. */
export async function forgetDeadReplicas(database: Database, schema: string): Promise<void> {
  await database.query(
    "forgetting processes that died without a word a day ago",
    `DELETE FROM ${quoteName(schema)}.replica WHERE seen_at < now() - interval '1 day'`,
  );
}

export async function liveReplicas(database: Database, schema: string, ring: number): Promise<readonly LiveReplica[]> {
  const own = quoteName(schema);
  return database.query<LiveReplica>(
    "looking for running processes",
    `SELECT run, pipeline.name AS pipeline, key_id::float8 AS "keyId", sealing_id::float8 AS "sealingId",
            extract(epoch FROM now() - seen_at)::float8 AS "silentSeconds"
     FROM ${own}.replica JOIN ${own}.pipeline ON pipeline.number = replica.pipeline
     WHERE ring = $1 AND seen_at > now() - make_interval(secs => $2) ORDER BY pipeline.name, run`,
    [ring, aliveForSeconds],
  );
}
