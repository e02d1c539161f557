import type { Fault } from "../contract/fault.ts";
import { MasklineError } from "../errors.ts";
import type { Delivery, Refusal, Rows } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import type { Database, Query } from "./database.ts";
import { databaseFailure, mayBeRow } from "./error-classes.ts";
import { columnParameters, type LoadChoices, type LoadStatements, loadStatements, receiptParameters } from "./load-statement.ts";
import type { TableName } from "./names.ts";
import { pipelineNumber } from "./pipelines.ts";
import { refusalFault } from "./refusal-fault.ts";
import type { TargetColumn } from "./target.ts";

/** Where a load would go. */
export interface Rehearsal extends LoadChoices {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly TargetColumn[];
  /** The pipeline's name; it may never have run. */
  readonly pipeline: string;
}

/** What a load would make of one message, and why where it would be quarantined. */
export interface Rehearsed {
  readonly outcome: "loaded" | "duplicate" | "quarantined";
  readonly faults: readonly Fault[];
}

/**
 * Loads messages as the load does, receipts and the table's own constraints and triggers included, in a transaction that is rolled back;
 * row by row, so that each has an answer of its own, and those before it are there. Wants the rights of a writer, no more. Nothing stays
 * but what no transaction takes back: the table's sequences have advanced.
 * @param halt aborting it ends the work at once
 * @throws the failure as a run would, when it is not a row's
 */
export async function rehearse(
  database: Database,
  rehearsal: Rehearsal,
  { rows, refused }: { readonly rows: Rows; readonly refused: readonly Refusal[] },
  halt: AbortSignal,
): Promise<ReadonlyMap<Delivery, Rehearsed>> {
  const statements = loadStatements(rehearsal.schema, rehearsal.table, rehearsal.columns, rehearsal);
  const doing = "trying the load in a transaction that is rolled back";
  const work = async (query: Query): Promise<ReadonlyMap<Delivery, Rehearsed>> => {
    const takeIfNew = await findNew(query, statements, rehearsal, rows, refused);
    const rehearsed = new Map<Delivery, Rehearsed>();
    await query("SAVEPOINT rehearsal");
    for (const [place, delivery] of rows.deliveries.entries()) {
      const isNew = takeIfNew(rows.ids[place] as string);
      rehearsed.set(delivery, isNew ? await tryRow(query, statements, selectRows(rows, [place])) : duplicate);
    }
    for (const { delivery, id, faults } of refused) {
      rehearsed.set(delivery, takeIfNew(id) ? { outcome: "quarantined", faults } : duplicate);
    }
    return rehearsed;
  };
  return database.transaction(doing, work, { discard: true, userPath: true, halt });
}

const duplicate: Rehearsed = { outcome: "duplicate", faults: [] };

/** Says of each message whether it has had no effect yet; of one that stands there twice, the first time. */
async function findNew(
  query: Query,
  { known }: LoadStatements,
  { schema, pipeline }: Rehearsal,
  rows: Rows,
  refused: readonly Refusal[],
): Promise<(id: string) => boolean> {
  const all = [...rows.deliveries.map((delivery, place) => ({ delivery, id: rows.ids[place] as string })), ...refused];
  const fresh = new Map(all.map(({ delivery, id }) => [id, delivery]));
  const number = await pipelineNumber(query, schema, pipeline);
  if (number !== null) {
    const messages = { deliveries: [...fresh.values()], ids: [...fresh.keys()] };
    for (const { id } of await query<{ id: string }>(known, [number, ...receiptParameters(messages)])) fresh.delete(id);
  }
  return (id) => fresh.delete(id);
}

async function tryRow(query: Query, { rows, skipsConflicts }: LoadStatements, row: Rows): Promise<Rehearsed> {
  try {
    // RETURNING a constant needs no right to read the table
    const stored = await query(`${rows} RETURNING 1`, columnParameters(row));
    await query("RELEASE SAVEPOINT rehearsal; SAVEPOINT rehearsal");
    return stored.length === 0 && skipsConflicts ? duplicate : { outcome: "loaded", faults: [] };
  } catch (error) {
    const failure = databaseFailure(error);
    if (error instanceof MasklineError || !mayBeRow(failure)) throw error;
    await query("ROLLBACK TO SAVEPOINT rehearsal");
    return { outcome: "quarantined", faults: [refusalFault(failure)] };
  }
}
