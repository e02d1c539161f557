import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";

/**
 * What one run received and what became of it, as far as it was written: what is received stands in the ledger with the load that
 * settles it. `difference` is what was written as received and has no outcome; zero when the run ended in order.
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
  /** `closed` runs ended in order; an open one is still running, or was killed and left its last messages to the visibility timeout. */
  readonly state: "closed" | "open";
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
  return database.query<Account>(
    "reading the ledger",
    `SELECT run, pipeline, received::float8 AS received, loaded::float8 AS loaded, duplicate::float8 AS duplicate,
            quarantined::float8 AS quarantined, returned::float8 AS returned, difference::float8 AS difference,
            CASE WHEN closed THEN 'closed' ELSE 'open' END AS state, first_at AS "firstAt", last_at AS "lastAt"
     FROM ${quoteName(schema)}.account WHERE $1::text IS NULL OR pipeline = $1 ORDER BY first_at DESC LIMIT $2`,
    [pipeline, limit],
  );
}

/** Where a message is, by its id. */
export type MessagePlace = {
  readonly pipeline: string;
  readonly id: string;
  readonly outcome: "loaded" | "quarantined" | "discarded";
  /** Null where the source did not say. */
  readonly sentAt: Date | null;
};

/** Empty when the message is not known here: still in its queue, never sent, or older than the receipts that are kept. */
export async function findMessage(database: Database, schema: string, id: string): Promise<readonly MessagePlace[]> {
  const own = quoteName(schema);
  return database.query<MessagePlace>(
    "looking for a message",
    `SELECT pipeline.name AS pipeline, id, outcome, nullif(sent_at, 'infinity') AS "sentAt"
     FROM ${own}.receipt JOIN ${own}.pipeline ON pipeline.number = receipt.pipeline WHERE id = $1`,
    [id],
  );
}
