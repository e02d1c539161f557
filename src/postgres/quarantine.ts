import type { Fault } from "../contract/fault.ts";
import type { FieldShape } from "../contract/structure.ts";
import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";
import { isSealedUnder, sealingIdHex } from "./sealed-under.ts";

/** Refused messages that are wrong in the same way. */
export type QuarantineGroup = {
  readonly reason: string;
  /** The contract's path of the first fault; "" for the body as a whole. */
  readonly path: string;
  readonly messages: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** One of them, for `quarantine show`. */
  readonly exampleId: string;
};

/** What is known of one refused message without opening it. */
export type QuarantinedMessage = {
  readonly id: string;
  readonly pipeline: string;
  readonly reason: string;
  readonly faults: readonly Fault[];
  readonly structure: readonly FieldShape[];
  readonly bodyBytes: number;
  readonly attempt: number;
  readonly sentAt: Date | null;
  readonly quarantinedAt: Date;
  /** Of the contract that refused it last. */
  readonly contractHash: string;
  /** How often it was replayed and refused again. */
  readonly replays: number;
  readonly replayedAt: Date | null;
};

/** The most frequent first. @param since only what was quarantined from then on */
export async function listQuarantine(
  database: Database,
  schema: string,
  pipeline: string,
  since: Date | null = null,
): Promise<readonly QuarantineGroup[]> {
  const own = quoteName(schema);
  return database.query<QuarantineGroup>(
    "listing the quarantine",
    `SELECT reason, coalesce(faults -> 0 ->> 'path', '') AS path, count(*)::int AS messages,
            min(quarantined_at) AS "firstAt", max(quarantined_at) AS "lastAt", min(id) AS "exampleId"
     FROM ${own}.quarantine JOIN ${own}.pipeline ON pipeline.number = quarantine.pipeline
     WHERE pipeline.name = $1 AND ($2::timestamptz IS NULL OR quarantined_at >= $2)
     GROUP BY 1, 2 ORDER BY messages DESC, reason, path`,
    [pipeline, since],
  );
}

/** By message id; the same id can stand under several pipelines. */
export async function showQuarantined(database: Database, schema: string, id: string): Promise<readonly QuarantinedMessage[]> {
  const own = quoteName(schema);
  return database.query<QuarantinedMessage>(
    "looking into the quarantine",
    `SELECT id, pipeline.name AS pipeline, reason, faults, structure, body_bytes AS "bodyBytes", attempt,
            nullif(sent_at, 'infinity') AS "sentAt", quarantined_at AS "quarantinedAt", contract_hash AS "contractHash", replays,
            replayed_at AS "replayedAt"
     FROM ${own}.quarantine JOIN ${own}.pipeline ON pipeline.number = quarantine.pipeline WHERE id = $1`,
    [id],
  );
}

/** How many bodies are sealed under a key, in all pipelines: bytes 2 to 5 of a sealed body are the key's id (keys/sealing.ts). */
export async function countSealedUnder(database: Database, schema: string, sealingId: number): Promise<number> {
  const sql = `SELECT count(*)::float8 AS sealed FROM ${quoteName(schema)}.quarantine WHERE ${isSealedUnder}`;
  const [row] = await database.transaction(
    "counting what is sealed under a key",
    (query) => query<{ sealed: number }>(sql, [sealingIdHex(sealingId)]),
    { unhurried: true, unfiltered: true },
  );
  return row?.sealed ?? 0;
}
