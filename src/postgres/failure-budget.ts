import { MasklineError } from "../errors.ts";
import { countWindow, crossedLimit, type Effect, type FailureLimits } from "../pipeline/failure-limits.ts";
import type { LedgerPosition, Refusal } from "../pipeline/ports.ts";
import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";
import { type CountedReason, openTrip, saysStill, stillSql, storeTrip, type TripFacts, tripped, trippedUnstored } from "./trips.ts";

/**
 * First half of the advisory lock under which a pipeline's refused messages are counted, the second is its number: batches of several
 * lanes and processes are counted one after the other. It is the last lock of a load, and whoever holds it waits for no other: it cannot
 * be part of a deadlock.
 */
const countingLock = 714_521_033;

/** How many loads are looked at in the first step beside those that would fill the window if they were like this one; more where they were small. */
const sparedLoads = 8;

type LoadRow = Effect & { readonly run: string; readonly lane: number; readonly sequence: number };

/** What was new in a batch. */
export interface NewMessages {
  readonly messages: number;
  /** Those of them that were refused. */
  readonly refused: readonly Refusal[];
}

/** Thrown inside a load that would cross the budget, so that nothing of it stays. */
export class BudgetCrossed extends MasklineError {
  readonly facts: TripFacts;

  constructor(facts: TripFacts) {
    super("budget_spent", "too many messages were refused");
    this.facts = facts;
  }
}

/**
 * Stops a pipeline when too many of its newest messages were refused, whichever process refused them. What counts is what stands in the
 * ledger: receipts make each message count once, however often it is delivered. Costs a clean batch one statement, sent along with BEGIN.
 */
export class FailureBudget {
  readonly #database: Database;
  readonly #schema: string;
  readonly #pipeline: number;
  readonly #limits: FailureLimits;
  /** For every transaction that loads: reads whether the pipeline stands still. */
  readonly prelude: string;

  /** @param pipeline its number, from `registerPipeline` */
  constructor(database: Database, schema: string, pipeline: number, limits: FailureLimits) {
    this.#database = database;
    this.#schema = schema;
    this.#pipeline = pipeline;
    this.#limits = limits;
    this.prelude = stillSql(schema, pipeline);
  }

  /** @throws MasklineError `budget_spent`, with what is stored, when the pipeline stands still */
  async requireUntripped(): Promise<void> {
    await this.#database.transaction(
      "looking whether the pipeline stands still",
      (query, rows) => this.refuseTripped(query, rows),
      {
        prelude: this.prelude,
      },
    );
  }

  /** The same inside a transaction that began with the prelude, from its rows. */
  async refuseTripped(query: Query, prelude: readonly unknown[]): Promise<void> {
    if (!saysStill(prelude)) return;
    const trip = await openTrip(query, this.#schema, this.#pipeline);
    // none: resumed a moment ago
    if (trip !== null) throw tripped(trip);
  }

  /**
   * Counts a batch in, inside its transaction, when all of it has been written.
   * @param refused all that were refused; what came again does not count again
   * @throws BudgetCrossed when the batch crosses a limit
   */
  async spend(query: Query, at: LedgerPosition, _refused: readonly Refusal[], { refused, messages }: NewMessages): Promise<void> {
    if (refused.length === 0 || (this.#limits.refused === null && this.#limits.share === null)) return;
    await this.#noteAndLock(query, at, countReasons(refused));
    const batch: LoadRow = { ...at, messages, quarantined: refused.length };
    const wanted = this.#limits.window - batch.messages;
    const before = await this.#loadsBefore(query, at, wanted, Math.ceil(wanted / batch.messages) + sparedLoads);
    const count = countWindow(batch, before, this.#limits.window);
    if (crossedLimit(count, this.#limits) === null) return;
    const { seen, refused: all, byLoad } = count;
    const reasons = await this.#reasonsOf(query, [batch, ...before].slice(0, byLoad.length), byLoad);
    throw new BudgetCrossed({ seen, refused: all, limits: this.#limits, reasons });
  }

  /** Stores that the pipeline stands still, unless another process was first, and answers with the error to end with. */
  async trip({ facts }: BudgetCrossed, run: string): Promise<MasklineError> {
    try {
      const stored = await this.#database.transaction("storing that too many messages were refused", (query) =>
        storeTrip(query, this.#schema, this.#pipeline, run, facts),
      );
      return stored === null ? trippedUnstored(facts, "not_found") : tripped(stored);
    } catch (error) {
      if (!(error instanceof MasklineError)) throw error;
      return trippedUnstored(facts, error.code);
    }
  }

  /** The lock comes after the rows, in one round trip. What it guards is read by the next statement, in a snapshot of its own. */
  async #noteAndLock(query: Query, { run, lane, sequence }: LedgerPosition, reasons: readonly CountedReason[]): Promise<void> {
    await query(
      `WITH noted AS (
         INSERT INTO ${quoteName(this.#schema)}.ledger_reason (run, lane, sequence, reason, path, messages)
         SELECT $1::uuid, $2::smallint, $3::integer, reason, path, messages
         FROM unnest($4::text[], $5::text[], $6::integer[]) AS counted (reason, path, messages) RETURNING 1)
       SELECT pg_advisory_xact_lock($7::integer, $8::integer) FROM (SELECT count(*) FROM noted) AS noted`,
      [
        run,
        lane,
        sequence,
        reasons.map(({ reason }) => reason),
        reasons.map(({ path }) => path),
        reasons.map(({ messages }) => messages),
        countingLock,
        this.#pipeline,
      ],
    );
  }

  /** The loads before this one since the pipeline was last resumed, the newest first: so many that they hold `messages` messages. */
  async #loadsBefore(
    query: Query,
    { run, lane, sequence }: LedgerPosition,
    messages: number,
    firstStep: number,
  ): Promise<readonly LoadRow[]> {
    const own = quoteName(this.#schema);
    const sql = `SELECT run, lane, sequence, loaded + quarantined AS messages, quarantined FROM ${own}.ledger
       WHERE pipeline = $1 AND loaded + quarantined > 0 AND (run, lane, sequence) <> ($2, $3, $4)
         AND recorded_at > coalesce((SELECT max(resumed_at) FROM ${own}.trip WHERE pipeline = $1), '-infinity')
       ORDER BY recorded_at DESC LIMIT $5`;
    if (messages <= 0) return [];
    for (let limit = firstStep; ; limit *= 10) {
      const rows = await query<LoadRow>(sql, [this.#pipeline, run, lane, sequence, Math.min(limit, messages)]);
      const held = rows.reduce((sum, row) => sum + row.messages, 0);
      if (held >= messages || rows.length < limit) return rows;
    }
  }

  /** Why the messages that count were refused. Of a load that counts in part, the most frequent reasons are taken first. */
  async #reasonsOf(query: Query, loads: readonly LoadRow[], counted: readonly number[]): Promise<readonly CountedReason[]> {
    const rows = await query<CountedReason & { readonly place: number }>(
      `SELECT loads.place::integer AS place, reason, path, messages
       FROM unnest($1::uuid[], $2::smallint[], $3::integer[]) WITH ORDINALITY AS loads (run, lane, sequence, place)
       JOIN ${quoteName(this.#schema)}.ledger_reason USING (run, lane, sequence) ORDER BY messages DESC, reason, path`,
      [loads.map(({ run }) => run), loads.map(({ lane }) => lane), loads.map(({ sequence }) => sequence)],
    );
    const left = [...counted];
    const taken = rows.map(({ place, reason, path, messages }): CountedReason => {
      const part = Math.min(messages, left[place - 1] ?? 0);
      left[place - 1] = (left[place - 1] ?? 0) - part;
      return { reason, path, messages: part };
    });
    // a process without limits notes no reasons
    const unknown: CountedReason = { reason: "not noted", path: "", messages: left.reduce((sum, one) => sum + one, 0) };
    return sumReasons([...taken, unknown]);
  }
}

/** By the first fault of each message, as the quarantine groups them. */
function countReasons(refused: readonly Refusal[]): readonly CountedReason[] {
  return sumReasons(
    refused.map(({ faults: [first] }) => ({ reason: first?.reason ?? "mask_failed", path: first?.path ?? "", messages: 1 })),
  );
}

/** Each reason and path once, the most frequent first. */
function sumReasons(reasons: readonly CountedReason[]): readonly CountedReason[] {
  const sums = new Map<string, CountedReason>();
  for (const { reason, path, messages } of reasons) {
    const name = JSON.stringify([reason, path]);
    sums.set(name, { reason, path, messages: messages + (sums.get(name)?.messages ?? 0) });
  }
  return [...sums.values()].filter(({ messages }) => messages > 0).sort((left, right) => right.messages - left.messages);
}
