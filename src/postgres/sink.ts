import type { Fault } from "../contract/fault.ts";
import type { FieldShape } from "../contract/structure.ts";
import { MasklineError } from "../errors.ts";
import type { Batch, Delivery, LedgerPosition, Refusal, Rows, Settlement, Sink } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import { type Database, DatabaseRefusal, type Query } from "./database.ts";
import { describeFailure, mayBeRow } from "./error-classes.ts";
import { type LoadStatements, loadStatements, rowParameters, sentAtParameter } from "./load-statement.ts";
import { quoteName, type TableName } from "./names.ts";
import { findRefusedRows, type RefusedRow } from "./refused-rows.ts";
import { requireWritable, standingOf, standingPrelude } from "./ring-keys.ts";
import type { TargetColumn } from "./target.ts";

export interface PostgresSinkOptions {
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
}

/** A batch as it is written: repeats and refused rows taken out of its rows. */
interface BatchPart {
  readonly rows: Rows;
  readonly refused: readonly Refusal[];
  readonly repeated: readonly Delivery[];
}

/** A row can be refused that was not when the rows were tried (another process was first): then they are tried again. */
const writeAttempts = 4;

/** Loads batches into one table of a PostgreSQL database, each in one transaction with its receipts, quarantine and ledger row. */
export class PostgresSink implements Sink {
  readonly #database: Database;
  readonly #options: PostgresSinkOptions;
  readonly #statements: LoadStatements;
  /** Of each lane, the load of which it is not known whether it is durable. */
  readonly #doubted = new Map<number, { readonly sequence: number; readonly part: BatchPart }>();

  constructor(database: Database, options: PostgresSinkOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = loadStatements(options.schema, options.table, options.columns);
  }

  async load(batch: Batch, halt?: AbortSignal): Promise<readonly Settlement[]> {
    const { lane, sequence } = batch.position;
    const doubted = this.#doubted.get(lane);
    this.#doubted.delete(lane);
    if (doubted?.sequence === sequence) {
      const known = await this.#lookUp(batch.position, doubted.part);
      if (known !== null) return known;
    }
    let part = withoutRepeats(batch);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#write(batch, part, halt);
      } catch (error) {
        if (!(error instanceof DatabaseRefusal)) throw error;
        const away = error.code === "database_unreachable";
        if (away || isInLedger(error)) {
          // the answer to a COMMIT can be lost, and a COMMIT that nobody waits for any more can come late
          this.#doubted.set(lane, { sequence, part });
          const known = halt?.aborted === true ? null : await this.#lookUp(batch.position, part).catch(() => null);
          if (known !== null) return known;
          if (away) throw error;
        }
        if (!mayBeRow(error.failure) || attempt === writeAttempts) throw error;
        part = await this.#withoutOffenders(part, error);
      }
    }
  }

  async abandon(position: LedgerPosition, messages: number): Promise<void> {
    // waits for a COMMIT of the same position that is still under way, and leaves its row as it is
    await this.#database.query(
      "writing what was given up into the ledger",
      `INSERT INTO ${quoteName(this.#options.schema)}.ledger
         (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
       VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0) ON CONFLICT DO NOTHING`,
      [position.run, position.lane, position.sequence, this.#options.pipeline, position.received, messages],
    );
  }

  async noteReceived(_position: LedgerPosition, _halt?: AbortSignal): Promise<void> {}

  /** An empty load, rolled back: it needs the same locks and rights, and a server that can be written to. */
  async probe(): Promise<void> {
    const rows = { ...nothing.rows, columns: this.#options.columns.map(() => []) };
    const parameters = await this.#parameters(nothing, rows, [], 0);
    await this.#database.transaction("trying the database", (query) => query(this.#statements.load, parameters), { discard: true });
  }

  async closeLane(position: LedgerPosition): Promise<void> {
    await this.#database.query(
      "closing the ledger",
      `INSERT INTO ${quoteName(this.#options.schema)}.ledger
         (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate, closing)
       VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, true)`,
      [position.run, position.lane, position.sequence, this.#options.pipeline, position.received],
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
    const { rows, refused, repeated } = part;
    const offenders = await findRefusedRows(this.#database, this.#statements.probe, this.#options.pipeline, rows);
    const [first] = offenders;
    if (first !== undefined && offenders.length === rows.deliveries.length) {
      await this.#options.recheckTarget();
      if (first.failure.failureClass !== "row") throw refusal;
      if (offenders.length > 1 && offenders.every(({ failure }) => describeFailure(failure) === describeFailure(first.failure))) {
        throw new MasklineError(
          "target_misfit",
          `the table refuses every row of a batch alike: ${describeFailure(first.failure)}`,
          {
            next: "look at that constraint, trigger or partition; nothing was quarantined, the messages are back on the queue",
          },
        );
      }
    }
    const { kept, refusals } = separate(rows, offenders);
    return { rows: kept, refused: [...refused, ...refusals], repeated };
  }

  /**
   * Reads from its ledger row whether a load is durable. Its counts say how many messages were new, not which; all are to be deleted.
   * Null when it is not there.
   */
  async #lookUp(position: LedgerPosition, { rows, refused, repeated }: BatchPart): Promise<readonly Settlement[] | null> {
    const sql = `SELECT loaded, quarantined FROM ${quoteName(this.#options.schema)}.ledger WHERE run = $1 AND lane = $2 AND sequence = $3`;
    const [row] = await this.#database.query<{ loaded: number; quarantined: number }>("looking up a load", sql, [
      position.run,
      position.lane,
      position.sequence,
    ]);
    if (row === undefined) return null;
    return [
      ...rows.deliveries.map((delivery, place): Settlement => ({ delivery, outcome: place < row.loaded ? "loaded" : "duplicate" })),
      ...refused.map(({ delivery }, place): Settlement => ({
        delivery,
        outcome: place < row.quarantined ? "quarantined" : "duplicate",
      })),
      ...repeated.map((delivery): Settlement => ({ delivery, outcome: "duplicate" })),
    ];
  }

  async #write(
    batch: Batch,
    { rows, refused, repeated }: BatchPart,
    halt: AbortSignal | undefined,
  ): Promise<readonly Settlement[]> {
    const parameters = await this.#parameters(batch, rows, refused, repeated.length);
    const { keys } = batch;
    const receipts = await this.#database.transaction(
      "loading",
      (query: Query, standing) => {
        if (keys !== undefined) requireWritable(standingOf(standing), keys, refused.length > 0);
        return query<{ id: string; outcome: "loaded" | "quarantined" }>(this.#statements.load, parameters);
      },
      { halt, ...(keys === undefined ? {} : { prelude: standingPrelude(this.#options.schema, keys.ring) }) },
    );
    const outcomeById = new Map(receipts.map(({ id, outcome }) => [id, outcome]));
    const settle = (delivery: Delivery, id: string): Settlement => ({ delivery, outcome: outcomeById.get(id) ?? "duplicate" });
    return [
      ...rows.deliveries.map((delivery, place) => settle(delivery, rows.ids[place] as string)),
      ...refused.map(({ delivery, id }) => settle(delivery, id)),
      ...repeated.map((delivery): Settlement => ({ delivery, outcome: "duplicate" })),
    ];
  }

  /** In the order of the statement's parameters (load-statement.ts). */
  async #parameters(batch: Batch, rows: Rows, refused: readonly Refusal[], repeated: number): Promise<readonly unknown[]> {
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
      0,
      rows.deliveries.length + refused.length + repeated,
      keys?.anchorId ?? 0,
      aliases.map(({ domain }) => domain),
      aliases.map(({ token }) => token),
      aliases.map(({ canonical }) => canonical),
    ];
  }
}

/** What a probe loads. */
const nothing: Batch = {
  rows: { deliveries: [], ids: [], columns: [] },
  refused: [],
  position: { run: "00000000-0000-0000-0000-000000000000", lane: 0, sequence: 0, received: 0 },
  seal: () => Promise.reject(new Error("there is nothing to seal")),
};

function isInLedger({ failure }: DatabaseRefusal): boolean {
  return failure.sqlState === "23505" && failure.constraint === "ledger_pkey";
}

/** A message that stands in the batch more than once has its effect once; the further deliveries are duplicates. */
function withoutRepeats(batch: Batch): BatchPart {
  const seen = new Set<string>();
  const repeated: Delivery[] = [];
  const first = (delivery: Delivery, id: string): boolean => {
    if (!seen.has(id)) return Boolean(seen.add(id));
    repeated.push(delivery);
    return false;
  };
  const { deliveries, ids } = batch.rows;
  const rows = selectRows(
    batch.rows,
    deliveries.flatMap((delivery, row) => (first(delivery, ids[row] as string) ? [row] : [])),
  );
  const refused = batch.refused.filter(({ delivery, id }) => first(delivery, id));
  return { rows, refused, repeated };
}

function separate(rows: Rows, offenders: readonly RefusedRow[]): { kept: Rows; refusals: readonly Refusal[] } {
  const refusedAt = new Map(offenders.map((offender) => [offender.place, offender]));
  const kept = selectRows(
    rows,
    rows.deliveries.flatMap((_, place) => (refusedAt.has(place) ? [] : [place])),
  );
  const refusals = offenders.map(({ place, failure }): Refusal => {
    const fault: Fault = {
      reason: "refused_by_database",
      path: failure.column ?? "",
      expected: failure.constraint === null ? "a row the table accepts" : `constraint ${failure.constraint} holds`,
      found: describeFailure(failure),
    };
    return { delivery: rows.deliveries[place] as Delivery, id: rows.ids[place] as string, faults: [fault] };
  });
  return { kept, refusals };
}
