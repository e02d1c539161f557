import { randomUUID } from "node:crypto";

import { TextColumn } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";
import type { Advance, Batch, Delivery, LedgerPosition, Settlement, Sink } from "../pipeline/ports.ts";
import { type BatchPart, settleByCounts, withoutHeldBack, withoutOffenders, withoutRepeats, withoutUnknown } from "./batch-part.ts";
import { BatchWriter, type WriterOptions } from "./batch-writer.ts";
import { type Database, DatabaseRefusal, type HaltedDatabase } from "./database.ts";
import { type DatabaseFailure, describeFailure, isClash, mayBeRow } from "./error-classes.ts";
import { BudgetCrossed } from "./failure-budget.ts";
import { forgetIntake, noteIntake } from "./intake.ts";
import { type LoadChoices, type LoadStatements, loadStatements, receiptParameters, wholeShape } from "./load-statement.ts";
import { quoteName } from "./names.ts";
import { advancing, requireAdvanced } from "./positions.ts";
import { findRefusedRows, type RefusedRow, type RefusedRowSearch, type Search } from "./refused-rows.ts";

export interface PostgresSinkOptions extends LoadChoices, WriterOptions {
  /** Looks at the target again; throws when it no longer fits. Asked when every row of a batch is refused. */
  readonly recheckTarget: () => Promise<void>;
  /** Left out: as PostgreSQL allows it, `findRefusedRows`. */
  readonly search?: RefusedRowSearch;
}

/**
 * A row can be refused that was not when the rows were tried (another process was first), and rows that clash only with each other can
 * be left for a second search: then the rest is tried again. Each search that finds something leaves less to write; so often one may
 * find nothing although the write failed.
 */
const fruitlessSearches = 3;

/** Loads batches into one table of a PostgreSQL database, each in one transaction with its receipts, quarantine and ledger row. */
export class PostgresSink implements Sink {
  readonly #database: Database;
  readonly #options: PostgresSinkOptions;
  readonly #statements: LoadStatements;
  readonly #writer: BatchWriter;
  /** Whether the last search found rows that the database refuses. */
  #refusesRows = false;
  /** Of each lane, the load of which it is not known whether it is durable. */
  readonly #doubted = new Map<number, { readonly sequence: number; readonly part: BatchPart }>();

  constructor(database: Database, options: PostgresSinkOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = loadStatements(options.schema, options.table, options.columns, options);
    this.#writer = new BatchWriter(options, this.#statements);
  }

  async load(batch: Batch, halt?: AbortSignal): Promise<readonly Settlement[]> {
    const { lane, sequence } = batch.position;
    const database = this.#database.haltedBy(halt);
    const doubted = this.#doubted.get(lane);
    if (doubted?.sequence === sequence) {
      const known = await this.#lookUp(batch, doubted.part, database);
      if (known !== null) return known;
    }
    this.#doubted.delete(lane);
    let part = await this.#withoutHeldBack(batch, withoutRepeats(batch), database);
    if (this.#refusesRows) part = await this.#searchFirst(batch, part, database);
    for (let fruitless = 0; ;) {
      try {
        return await this.#writer.write(database, batch, part);
      } catch (error) {
        if (error instanceof BudgetCrossed) throw await this.#options.budget.trip(error, batch.position.run);
        if (isMoved(error)) {
          // by a COMMIT of this very load that nobody waited for any more, or by someone else
          const known = await this.#lookUp(batch, part, database);
          if (known !== null) return known;
        }
        if (!(error instanceof DatabaseRefusal)) throw error;
        const away = error.code === "database_unreachable";
        if (away || isInLedger(error)) {
          // the answer to a COMMIT can be lost, and a COMMIT that nobody waits for any more can come late
          this.#doubted.set(lane, { sequence, part });
          const known = halt?.aborted === true ? null : await this.#lookUp(batch, part, database).catch(() => null);
          if (known !== null) return known;
          if (away) throw error;
        }
        if (!mayBeRow(error.failure) || fruitless === fruitlessSearches) throw error;
        const search = await this.#search(batch, part, database);
        await this.#refuseMisfit(search, error, batch, database);
        if (search.refused.length === 0) {
          fruitless += 1;
          // perhaps it is COPY, and not the rows
          this.#writer.copyNoMore();
        }
        part = withoutRefused(batch, part, search.refused);
      }
    }
  }

  async abandon(position: LedgerPosition, messages: number, halt?: AbortSignal): Promise<void> {
    // waits for a COMMIT of the same position that is still under way, and leaves its row as it is
    await this.#database.haltedBy(halt).query(
      "writing what was given up into the ledger",
      `INSERT INTO ${quoteName(this.#options.schema)}.ledger
         (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
       VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0) ON CONFLICT DO NOTHING`,
      [position.run, position.lane, position.sequence, this.#options.pipeline, position.received, messages],
    );
  }

  async noteReceived(position: LedgerPosition, halt?: AbortSignal): Promise<void> {
    await noteIntake(this.#database, this.#options.schema, this.#options.pipeline, position, halt);
  }

  /** An empty load, rolled back: it needs the same locks and rights, and a server that can be written to. */
  async probe(): Promise<void> {
    const rows = { ...nothing.rows, columns: this.#options.columns.map(() => new TextColumn()) };
    // a ledger row of its own: a probe whose process has vanished must not stand in the way of all others
    const batch: Batch = { ...nothing, position: { ...nothing.position, run: randomUUID() } };
    const parameters = await this.#writer.parameters(batch, { rows, refused: [], repeated: [], heldBack: [] }, wholeShape);
    const sql = this.#statements.load(wholeShape);
    await this.#database.transaction("trying the database", (query) => query(sql, parameters), { discard: true, userPath: true });
  }

  async closeLane(position: LedgerPosition, halt?: AbortSignal): Promise<void> {
    const database = this.#database.haltedBy(halt);
    await database.query(
      "closing the ledger",
      `INSERT INTO ${quoteName(this.#options.schema)}.ledger
         (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate, closing)
       VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, true)`,
      [position.run, position.lane, position.sequence, this.#options.pipeline, position.received],
    );
    // the account is closed; what is left of a note changes nothing in it and is pruned
    await forgetIntake(database, this.#options.schema, position).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** Which rows the database refuses, found out in a transaction that is rolled back: then the others are written, and these quarantined. */
  async #search({ advance }: Batch, { rows }: BatchPart, database: HaltedDatabase): Promise<Search> {
    const { search = findRefusedRows, pipeline } = this.#options;
    const found = await search(database, this.#statements, advance === undefined ? pipeline : null, rows);
    this.#refusesRows = found.refused.length > 0;
    return found;
  }

  /** Where the last batch had refused rows, this one is searched before it is written: an attempt that fails costs more. */
  async #searchFirst(batch: Batch, part: BatchPart, database: HaltedDatabase): Promise<BatchPart> {
    const { tried, refused } = await this.#search(batch, part, database);
    // when all are refused it may not be the rows: that is looked into when the load fails
    return refused.length === tried ? part : withoutRefused(batch, part, refused);
  }

  /** When all rows are refused alike it is not the rows: the target has changed, a partition or a right is missing, a trigger closes the table. */
  async #refuseMisfit(
    { tried, refused }: Search,
    refusal: DatabaseRefusal,
    { advance }: Batch,
    database: HaltedDatabase,
  ): Promise<void> {
    const [first] = refused;
    if (first === undefined || refused.length < tried) return;
    // rows that someone else has loaded meanwhile clash with themselves
    if (advance !== undefined) await this.#requireUnmoved(advance, database);
    await this.#options.recheckTarget();
    if (first.failure.failureClass !== "row") throw refusal;
    if (refused.length > 1 && refused.every(({ failure }) => describeFailure(failure) === describeFailure(first.failure))) {
      throw refusedAlike(first.failure);
    }
  }

  /** @throws MasklineError `position_moved` where someone else has made this step */
  async #requireUnmoved(advance: Advance, database: HaltedDatabase): Promise<void> {
    const { sql, parameters } = advancing(this.#options.schema, this.#options.pipeline, advance);
    const doing = "looking where the file stands";
    requireAdvanced(await database.transaction(doing, (query) => query(sql, parameters), { discard: true }));
  }

  /** Messages that the contract refuses hold up others before anything is written; one that has had its effect does not. */
  async #withoutHeldBack({ heldBack }: Batch, part: BatchPart, database: HaltedDatabase): Promise<BatchPart> {
    if (heldBack === undefined || part.refused.length === 0) return part;
    const known = await this.#known(part.refused, database);
    return withoutHeldBack(
      part,
      heldBack,
      part.refused.filter(({ id }) => !known.has(id)),
    );
  }

  /** Which of these messages have a receipt, by id. */
  async #known(
    messages: readonly { readonly delivery: Delivery; readonly id: string }[],
    database: HaltedDatabase,
  ): Promise<ReadonlySet<string>> {
    const keys = { deliveries: messages.map(({ delivery }) => delivery), ids: messages.map(({ id }) => id) };
    const parameters = [this.#options.pipeline, ...receiptParameters(keys)];
    const rows = await database.query<{ id: string }>("looking up receipts", this.#statements.known, parameters);
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Reads from its ledger row whether a load is durable. Its counts say how many messages were new, not which; all are to be deleted.
   * Where messages are held back, receipts say which are durable. Null when the load is not there.
   */
  async #lookUp({ position, heldBack }: Batch, part: BatchPart, database: HaltedDatabase): Promise<readonly Settlement[] | null> {
    const sql = `SELECT loaded, quarantined FROM ${quoteName(this.#options.schema)}.ledger WHERE run = $1 AND lane = $2 AND sequence = $3`;
    const [counts] = await database.query<{ loaded: number; quarantined: number }>("looking up a load", sql, [
      position.run,
      position.lane,
      position.sequence,
    ]);
    if (counts === undefined) return null;
    if (heldBack === undefined) return settleByCounts(part, counts);
    const { deliveries, ids } = part.rows;
    const rows = deliveries.map((delivery, row) => ({ delivery, id: ids[row] as string }));
    const known = await this.#known([...rows, ...part.refused, ...part.repeated], database);
    return settleByCounts(withoutUnknown(part, known), counts);
  }
}

/** What a probe loads. */
const nothing: Batch = {
  rows: { deliveries: [], ids: [], columns: [] },
  refused: [],
  position: { run: "", lane: 0, sequence: 0, received: 0 },
  seal: () => Promise.reject(new Error("there is nothing to seal")),
};

/** The refused go into the quarantine, and where they hold up others, these go back. */
function withoutRefused({ heldBack }: Batch, part: BatchPart, refused: readonly RefusedRow[]): BatchPart {
  if (refused.length === 0) return part;
  const smaller = withoutOffenders(part, refused);
  return withoutHeldBack(smaller, heldBack, smaller.refused.slice(part.refused.length));
}

function isMoved(error: unknown): boolean {
  return error instanceof MasklineError && error.code === "position_moved";
}

function isInLedger({ failure }: DatabaseRefusal): boolean {
  return failure.sqlState === "23505" && failure.constraint === "ledger_pkey";
}

function refusedAlike(failure: DatabaseFailure): MasklineError {
  const clash = isClash(failure) ? ", or set sink.postgres.on_conflict: skip to leave the rows that are there" : "";
  return new MasklineError("target_misfit", `the table refuses every row of a batch alike: ${describeFailure(failure)}`, {
    next: `look at that constraint, trigger or partition${clash}; nothing was quarantined, the messages are back on the queue`,
  });
}
