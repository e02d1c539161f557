import type { Delivery } from "../../pipeline/ports.ts";
import type { QuarantineKey } from "../../recovery/replay-store.ts";
import { timeArray } from "../array-parameter.ts";
import type { Database, Query } from "../database.ts";
import { quoteName } from "../names.ts";
import type { ReceiptKey } from "../receipts.ts";

/** What is said of a message that left. Not when and by whom: that the database says. */
export const exitColumns = ["act", "pipeline", "sent_at", "id", "outcome", "reason", "contract_hash", "quarantined_at"] as const;

/** How messages leave the quarantine: each of these statements is part of one transaction that begins with `lock`. */
export class QuarantineExit {
  readonly #own: string;
  readonly #pipeline: number;

  /** @param pipeline its number */
  constructor(schema: string, pipeline: number) {
    this.#own = quoteName(schema);
    this.#pipeline = pipeline;
  }

  /**
   * Holds those that still stand in the quarantine until the transaction ends, and says which: by their place. In the order of their key:
   * two that take the same would otherwise deadlock. Whoever comes second finds them gone.
   */
  async lock(query: Query, keys: readonly QuarantineKey[]): Promise<readonly number[]> {
    const rows = await query<{ place: number }>(
      `SELECT message.position::integer - 1 AS place
       FROM unnest($2::timestamptz[], $3::text[]) WITH ORDINALITY AS message (sent_at, id, position)
       JOIN ${this.#own}.quarantine ON quarantine.pipeline = $1 AND quarantine.sent_at = message.sent_at AND quarantine.id = message.id
       ORDER BY quarantine.sent_at, quarantine.id FOR UPDATE OF quarantine`,
      this.#named(keys),
    );
    return rows.map(({ place }) => place).sort((one, other) => one - other);
  }

  /**
   * Turns the receipts of messages, however they are keyed, and says which there were. Lines of files have none. One look-up a
   * message, as in `receiptSearch`.
   */
  async turnReceipts(query: Query, keys: readonly QuarantineKey[], { from, to }: Turn): Promise<readonly TurnedReceipt[]> {
    const turned = (table: string, more: string): string => `UPDATE ${this.#own}.${table} SET outcome = $5
      WHERE outcome = $4 AND ctid = ANY (ARRAY(
        SELECT (SELECT receipt.ctid FROM ${this.#own}.${table} AS receipt
                WHERE receipt.pipeline = $1 AND receipt.id = message.id${more})
        FROM unnest($2::timestamptz[], $3::text[]) AS message (sent_at, id))) RETURNING id`;
    return query<TurnedReceipt>(
      `WITH sent AS (${turned("receipt", " AND receipt.sent_at = message.sent_at")}), named AS (${turned("identity_receipt", "")})
       SELECT id, 'sent' AS key FROM sent UNION ALL SELECT id, 'id' FROM named`,
      [...this.#named(keys), from, to],
    );
  }

  /** Takes messages out, which `lock` holds, and writes down that they left. */
  async remove(query: Query, keys: readonly QuarantineKey[], facts: ExitFacts): Promise<void> {
    await query(
      `WITH gone AS (
         DELETE FROM ${this.#own}.quarantine USING unnest($2::timestamptz[], $3::text[]) AS message (sent_at, id)
         WHERE quarantine.pipeline = $1 AND quarantine.sent_at = message.sent_at AND quarantine.id = message.id
         RETURNING quarantine.*)
       INSERT INTO ${this.#own}.quarantine_exit (${exitColumns.join(", ")})
       SELECT $4, pipeline, sent_at, id, $5, reason, $6, quarantined_at FROM gone`,
      [...this.#named(keys), facts.act, facts.outcome, facts.contractHash],
    );
  }

  #named(keys: readonly QuarantineKey[]): readonly unknown[] {
    return [this.#pipeline, timeArray(keys.map(({ sentAtMs }) => sentAtMs)), keys.map(({ id }) => id)];
  }
}

interface Turn {
  readonly from: "quarantined" | "loaded";
  readonly to: "loaded" | "discarded";
}

export type TurnedReceipt = { readonly id: string; readonly key: ReceiptKey };

export interface ExitFacts {
  /** In the audit. */
  readonly act: string;
  readonly outcome: "loaded" | "duplicate" | "discarded";
  readonly contractHash: string;
}

/** Where an opened message stands in the quarantine. */
export function keyOf({ handle, sentAtMs }: Delivery): QuarantineKey {
  return { id: handle, sentAtMs };
}

/** So many messages leave in one transaction. */
const discardedAtOnce = 1_000;

/** Removes messages for good: their receipts say so, so that they never come back. Says how many; others were first with the rest. */
export async function discardQuarantined(
  database: Database,
  exit: QuarantineExit,
  keys: readonly QuarantineKey[],
  facts: Omit<ExitFacts, "outcome">,
  stop: AbortSignal,
  report: (discarded: number) => void,
): Promise<number> {
  let discarded = 0;
  for (let from = 0; from < keys.length && !stop.aborted; from += discardedAtOnce) {
    const some = keys.slice(from, from + discardedAtOnce);
    discarded += await database.transaction("discarding quarantined messages", async (query) => {
      const held = (await exit.lock(query, some)).map((place) => some[place] as QuarantineKey);
      await exit.turnReceipts(query, held, { from: "quarantined", to: "discarded" });
      await exit.remove(query, held, { ...facts, outcome: "discarded" });
      return held.length;
    });
    report(discarded);
  }
  return discarded;
}
