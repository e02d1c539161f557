import type { FieldShape } from "../contract/structure.ts";
import { MasklineError } from "../errors.ts";
import type { Batch, Delivery, LedgerPosition, Settlement, Sink } from "../pipeline/ports.ts";
import {
  type BatchPart,
  type NewReceipt,
  settleByCounts,
  settleByReceipts,
  withoutHeldBack,
  withoutOffenders,
  withoutRepeats,
  withoutUnknown,
} from "./batch-part.ts";
import { type Database, DatabaseRefusal, type Query } from "./database.ts";
import { type DatabaseFailure, describeFailure, isClash, mayBeRow } from "./error-classes.ts";
import {
  type LoadChoices,
  type LoadStatements,
  loadStatements,
  receiptParameters,
  rowParameters,
  sentAtParameter,
} from "./load-statement.ts";
import { quoteName, type TableName } from "./names.ts";
import { findRefusedRows, type RefusedRowSearch } from "./refused-rows.ts";
import { requireWritable, standingOf, standingPrelude } from "./ring-keys.ts";
import type { TargetColumn } from "./target.ts";

export interface PostgresSinkOptions extends LoadChoices {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly TargetColumn[];
  /** The pipeline's number, from `registerPipeline`. */
  readonly pipeline: number;
  readonly contractHash: string;
  /** Types and lengths of the fields of a refused message, for the quarantine. */
  readonly describe: (delivery: Delivery) => readonly FieldShape[];
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

  constructor(database: Database, options: PostgresSinkOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = loadStatements(options.schema, options.table, options.columns, options);
  }

  async load(batch: Batch, _halt?: AbortSignal): Promise<readonly Settlement[]> {
    let part = await this.#withoutHeldBack(batch, withoutRepeats(batch));
    for (let fruitless = 0; ;) {
      try {
        return await this.#write(batch, part);
      } catch (error) {
        if (!(error instanceof DatabaseRefusal)) throw error;
        if (error.code === "database_unreachable") return this.#lookUp(batch, part, error);
        if (!mayBeRow(error.failure) || fruitless === fruitlessSearches) throw error;
        const smaller = await this.#withoutOffenders(part, error);
        if (smaller === part) fruitless += 1;
        part = withoutHeldBack(smaller, batch.heldBack, smaller.refused.slice(part.refused.length));
      }
    }
  }

  async isDurable({ run, lane, sequence }: LedgerPosition): Promise<boolean> {
    const sql = `SELECT 1 FROM ${quoteName(this.#options.schema)}.ledger WHERE run = $1 AND lane = $2 AND sequence = $3`;
    return (await this.#database.query("looking up a load", sql, [run, lane, sequence])).length > 0;
  }

  async noteReceived(_position: LedgerPosition): Promise<void> {}

  async probe(): Promise<void> {
    await this.#database.query("trying the database", "SELECT 1");
  }

  async closeLane(position: LedgerPosition): Promise<void> {
    await this.#database.query(
      "closing the ledger",
      `INSERT INTO ${quoteName(this.#options.schema)}.ledger
         (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate, closing)
       VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, true)`,
      [position.run, position.lane, position.sequence, this.#options.pipeline, position.received, position.returned],
    );
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /**
   * Some rows were refused. Which ones is found out in a transaction that is rolled back; then the batch is written once more, with the
   * offenders in the quarantine and their neighbours in the table. When all are refused alike it is not the rows: the target has
   * changed, a partition or a right is missing, a trigger closes the table. That stops the run, and quarantines nothing.
   */
  async #withoutOffenders(part: BatchPart, refusal: DatabaseRefusal): Promise<BatchPart> {
    const { search = findRefusedRows, pipeline } = this.#options;
    const { tried, refused } = await search(this.#database, this.#statements, pipeline, part.rows);
    const [first] = refused;
    if (first === undefined) return part;
    if (refused.length === tried) {
      await this.#options.recheckTarget();
      if (first.failure.failureClass !== "row") throw refusal;
      if (refused.length > 1 && refused.every(({ failure }) => describeFailure(failure) === describeFailure(first.failure))) {
        throw refusedAlike(first.failure);
      }
    }
    return withoutOffenders(part, refused);
  }

  /** Messages that the contract refuses hold up others before anything is written; one that has had its effect does not. */
  async #withoutHeldBack({ heldBack }: Batch, part: BatchPart): Promise<BatchPart> {
    if (heldBack === undefined || part.refused.length === 0) return part;
    const known = await this.#known(part.refused);
    return withoutHeldBack(
      part,
      heldBack,
      part.refused.filter(({ id }) => !known.has(id)),
    );
  }

  /** Which of these messages have a receipt, by id. */
  async #known(messages: readonly { readonly delivery: Delivery; readonly id: string }[]): Promise<ReadonlySet<string>> {
    const keys = { deliveries: messages.map(({ delivery }) => delivery), ids: messages.map(({ id }) => id) };
    const parameters = [this.#options.pipeline, ...receiptParameters(keys)];
    const rows = await this.#database.query<{ id: string }>("looking up receipts", this.#statements.known, parameters);
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * The answer to a COMMIT can be lost. Whether the batch is durable is read from its ledger row, not tried again: its counts say how
   * many were new, not which; all of them are to be deleted. Where messages are held back, receipts say which are durable.
   * @throws `lost` when the batch is not there, or when that cannot be found out
   */
  async #lookUp({ position, heldBack }: Batch, part: BatchPart, lost: DatabaseRefusal): Promise<readonly Settlement[]> {
    const sql = `SELECT loaded, quarantined FROM ${quoteName(this.#options.schema)}.ledger WHERE run = $1 AND lane = $2 AND sequence = $3`;
    try {
      const [counts] = await this.#database.query<{ loaded: number; quarantined: number }>("looking up a load", sql, [
        position.run,
        position.lane,
        position.sequence,
      ]);
      if (counts === undefined) throw lost;
      if (heldBack === undefined) return settleByCounts(part, counts);
      const { deliveries, ids } = part.rows;
      const rows = deliveries.map((delivery, row) => ({ delivery, id: ids[row] as string }));
      return settleByCounts(withoutUnknown(part, await this.#known([...rows, ...part.refused, ...part.repeated])), counts);
    } catch {
      throw lost;
    }
  }

  async #write(batch: Batch, part: BatchPart): Promise<readonly Settlement[]> {
    const parameters = await this.#parameters(batch, part);
    const { keys } = batch;
    const receipts = await this.#database.transaction(
      "loading",
      (query: Query, standing) => {
        if (keys !== undefined) requireWritable(standingOf(standing), keys, part.refused.length > 0);
        return query<NewReceipt>(this.#statements.load, parameters);
      },
      keys === undefined ? {} : { prelude: standingPrelude(this.#options.schema, keys.ring) },
    );
    return settleByReceipts(part, receipts);
  }

  /** In the order of the statement's parameters (load-statement.ts). */
  async #parameters(batch: Batch, { rows, refused, repeated, heldBack }: BatchPart): Promise<readonly unknown[]> {
    const { position, keys } = batch;
    const aliases = keys?.aliases ?? [];
    return [
      this.#options.pipeline,
      ...rowParameters(rows),
      refused.map(({ delivery }) => sentAtParameter(delivery)),
      refused.map(({ id }) => id),
      refused.map(({ faults }) => faults[0]?.reason ?? "mask_failed"),
      refused.map(({ faults }) => JSON.stringify(faults)),
      refused.map(({ delivery }) => JSON.stringify(this.#options.describe(delivery))),
      refused.map(({ delivery }) => Buffer.byteLength(delivery.body)),
      refused.map(({ delivery }) => delivery.attempt),
      await Promise.all(refused.map(batch.seal)),
      this.#options.contractHash,
      position.run,
      position.lane,
      position.sequence,
      position.received,
      position.returned + heldBack.length,
      rows.deliveries.length + refused.length + repeated.length,
      keys?.anchorId ?? 0,
      aliases.map(({ domain }) => domain),
      aliases.map(({ token }) => token),
      aliases.map(({ canonical }) => canonical),
    ];
  }
}

function refusedAlike(failure: DatabaseFailure): MasklineError {
  const clash = isClash(failure) ? ", or set sink.postgres.on_conflict: skip to leave the rows that are there" : "";
  return new MasklineError("target_misfit", `the table refuses every row of a batch alike: ${describeFailure(failure)}`, {
    next: `look at that constraint, trigger or partition${clash}; nothing was quarantined, the messages are back on the queue`,
  });
}
