import type { Fault } from "../contract/fault.ts";
import type { FieldShape } from "../contract/structure.ts";
import type { Batch, Delivery, LedgerPosition, Refusal, Rows, Settlement, Sink } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import { type Database, DatabaseRefusal, type Query } from "./database.ts";
import { describeFailure } from "./error-classes.ts";
import { type LoadStatements, loadStatements, rowParameters, sentAtParameter } from "./load-statement.ts";
import { quoteName, type TableName } from "./names.ts";
import { findRefusedRows, type RefusedRow } from "./refused-rows.ts";
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

/** Loads batches into one table of a PostgreSQL database, each in one transaction with its receipts, quarantine and ledger row. */
export class PostgresSink implements Sink {
  readonly #database: Database;
  readonly #options: PostgresSinkOptions;
  readonly #statements: LoadStatements;

  constructor(database: Database, options: PostgresSinkOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = loadStatements(options.schema, options.table, options.columns);
  }

  async load(batch: Batch): Promise<readonly Settlement[]> {
    const { rows, refused, repeated } = withoutRepeats(batch);
    try {
      return await this.#write(batch, rows, refused, repeated);
    } catch (error) {
      if (!(error instanceof DatabaseRefusal) || error.failure.failureClass !== "row") throw error;
    }
    // Some rows were refused. Which ones is found out in a transaction that is rolled back; then the batch is written once more,
    // with the offenders in the quarantine and their neighbours in the table.
    const offenders = await findRefusedRows(this.#database, this.#statements.probe, this.#options.pipeline, rows);
    if (offenders.length === rows.deliveries.length) await this.#options.recheckTarget();
    const { kept, refusals } = separate(rows, offenders);
    return this.#write(batch, kept, [...refused, ...refusals], repeated);
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

  async #write(
    batch: Batch,
    rows: Rows,
    refused: readonly Refusal[],
    repeated: readonly Delivery[],
  ): Promise<readonly Settlement[]> {
    const parameters = await this.#parameters(batch, rows, refused, repeated.length);
    const receipts = await this.#database.transaction("loading", (query: Query) =>
      query<{ id: string; outcome: "loaded" | "quarantined" }>(this.#statements.load, parameters),
    );
    const outcomeById = new Map(receipts.map(({ id, outcome }) => [id, outcome]));
    const settle = (delivery: Delivery): Settlement => ({ delivery, outcome: outcomeById.get(delivery.id) ?? "duplicate" });
    return [
      ...rows.deliveries.map(settle),
      ...refused.map(({ delivery }) => settle(delivery)),
      ...repeated.map((delivery): Settlement => ({ delivery, outcome: "duplicate" })),
    ];
  }

  /** In the order of the statement's parameters (load-statement.ts). */
  async #parameters(batch: Batch, rows: Rows, refused: readonly Refusal[], repeated: number): Promise<readonly unknown[]> {
    const { position } = batch;
    return [
      this.#options.pipeline,
      ...rowParameters(rows),
      refused.map(({ delivery }) => sentAtParameter(delivery)),
      refused.map(({ delivery }) => delivery.id),
      refused.map(({ faults }) => faults[0]?.reason ?? "mask_failed"),
      refused.map(({ faults }) => JSON.stringify(faults)),
      refused.map(({ delivery }) => JSON.stringify(this.#options.describe(delivery))),
      refused.map(({ delivery }) => Buffer.byteLength(delivery.body)),
      refused.map(({ delivery }) => delivery.attempt),
      await Promise.all(refused.map(({ delivery }) => batch.seal(delivery))),
      this.#options.contractHash,
      position.run,
      position.lane,
      position.sequence,
      position.received,
      position.returned,
      rows.deliveries.length + refused.length + repeated,
    ];
  }
}

/** A message that stands in the batch more than once has its effect once; the further deliveries are duplicates. */
function withoutRepeats(batch: Batch): { rows: Rows; refused: readonly Refusal[]; repeated: readonly Delivery[] } {
  const seen = new Set<string>();
  const repeated: Delivery[] = [];
  const first = (delivery: Delivery): boolean => {
    if (!seen.has(delivery.id)) return Boolean(seen.add(delivery.id));
    repeated.push(delivery);
    return false;
  };
  const rows = selectRows(
    batch.rows,
    batch.rows.deliveries.flatMap((delivery, row) => (first(delivery) ? [row] : [])),
  );
  const refused = batch.refused.filter(({ delivery }) => first(delivery));
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
    return { delivery: rows.deliveries[place] as Delivery, faults: [fault] };
  });
  return { kept, refusals };
}
