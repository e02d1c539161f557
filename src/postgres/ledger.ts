import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";
import { aliveForSeconds } from "./replicas.ts";

/**
 * What one run received and what became of it. What a lane has in hand counts as received from before its load; `difference` is what
 * has no outcome yet, zero when the run ended in order.
 */
export type Account = {
  readonly run: string;
  readonly pipeline: string;
  readonly received: number;
  readonly loaded: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly returned: number;
  readonly difference: number;
  /** `closed`: ended in order. `running`: heard of within the last minute. `killed`: neither; an outage can end a run so, too. */
  readonly state: "closed" | "running" | "killed";
  /** What a killed run had received and left without an outcome: such messages come again when their visibility timeout is over. */
  readonly abandoned: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
};

/** The newest runs first. */
export async function readAccounts(
  database: Database,
  schema: string,
  pipeline: string | null,
  limit: number,
): Promise<readonly Account[]> {
  const own = quoteName(schema);
  const sql = `SELECT run, pipeline, received::float8 AS received, loaded::float8 AS loaded, duplicate::float8 AS duplicate,
            quarantined::float8 AS quarantined, returned::float8 AS returned, difference::float8 AS difference, state,
            CASE WHEN state = 'killed' THEN difference ELSE 0 END::float8 AS abandoned, first_at AS "firstAt", last_at AS "lastAt"
     FROM (
       SELECT account.*, CASE WHEN closed THEN 'closed' WHEN alive.run IS NOT NULL THEN 'running' ELSE 'killed' END AS state
       FROM ${own}.account
       LEFT JOIN ${own}.replica AS alive ON alive.run = account.run AND alive.seen_at > now() - make_interval(secs => $3)
     ) AS standing
     WHERE $1::text IS NULL OR pipeline = $1 ORDER BY first_at DESC LIMIT $2`;
  const parameters = [pipeline, limit, aliveForSeconds];
  return database.transaction("reading the ledger", (query) => query<Account>(sql, parameters), { unhurried: true });
}

/** Where a message is, by its id or its identity. */
export type MessagePlace = {
  readonly pipeline: string;
  readonly id: string;
  readonly outcome: "loaded" | "quarantined" | "discarded";
  /** Null where the source did not say, and of messages that are known by an identity. */
  readonly sentAt: Date | null;
  /** When a message that is known by an identity was received first; null for others. */
  readonly receivedAt: Date | null;
};

/**
 * Empty when the message is not known here: still in its queue, never sent, or older than the receipts that are kept. Receipts are
 * found by sent time and id: by the id alone all of them are read, or those of messages sent since `sentAfter`.
 */
export async function findMessage(
  database: Database,
  schema: string,
  id: string,
  sentAfter: Date | null = null,
): Promise<readonly MessagePlace[]> {
  const own = quoteName(schema);
  const sql = `SELECT pipeline.name AS pipeline, found.id, found.outcome, nullif(found.sent_at, 'infinity') AS "sentAt", NULL::timestamptz AS "receivedAt"
    FROM ${own}.receipt AS found JOIN ${own}.pipeline ON pipeline.number = found.pipeline
    WHERE found.id = $1 AND found.sent_at >= $2
    UNION ALL
    SELECT pipeline.name, found.id, found.outcome, NULL, found.received_at
    FROM ${own}.pipeline JOIN ${own}.identity_receipt AS found ON found.pipeline = pipeline.number AND found.id = $1`;
  const parameters = [id, sentAfter?.toISOString() ?? "-infinity"];
  return database.transaction("looking for a message", (query) => query<MessagePlace>(sql, parameters), { unhurried: true });
}
