import type { Fault } from "../contract/fault.ts";
import { MasklineError } from "../errors.ts";
import type { Rows } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import type { Database, Query } from "./database.ts";
import { type DatabaseFailure, databaseFailure, mayBeRow } from "./error-classes.ts";
import { loadStatements, rowParameters } from "./load-statement.ts";
import { quoteName, type TableName } from "./names.ts";
import { refusalFault } from "./refusal-fault.ts";
import type { TargetColumn } from "./target.ts";

export interface Rehearsal {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly TargetColumn[];
  /** The pipeline's name; it may never have run. */
  readonly pipeline: string;
}

/** What a load would make of one row. */
export type Rehearsed = { readonly outcome: "loaded" | "duplicate" } | { readonly outcome: "quarantined"; readonly fault: Fault };

/** Ends the transaction without an error for anyone: nothing of it may stay. */
class Rollback extends Error {}

/**
 * Loads rows with the statement of the load, receipts and the table's own constraints and triggers included, in a transaction that is
 * rolled back; row by row, so that each has an answer of its own, and those before it are there. Wants the rights of a writer, no more.
 * Nothing stays but what no transaction takes back: the table's sequences have advanced.
 * @throws the failure as a run would, when it is not a row's
 */
export async function rehearse(
  database: Database,
  { schema, table, columns, pipeline }: Rehearsal,
  rows: Rows,
  stop: AbortSignal,
): Promise<readonly Rehearsed[]> {
  const { probe } = loadStatements(schema, table, columns);
  const rehearsed: Rehearsed[] = [];
  try {
    await database.transaction("trying the rows in a transaction that is rolled back", async (query) => {
      const number = await pipelineNumber(query, schema, pipeline);
      await query("SAVEPOINT rehearsal");
      for (const place of rows.deliveries.keys()) {
        if (stop.aborted) throw new MasklineError("interrupted", "stopped before all rows were tried; nothing was stored");
        rehearsed.push(await rehearseRow(query, probe, [number, ...rowParameters(selectRows(rows, [place]))]));
      }
      throw new Rollback();
    });
  } catch (error) {
    if (!(error instanceof Rollback)) throw error;
  }
  return rehearsed;
}

async function rehearseRow(query: Query, probe: string, parameters: readonly unknown[]): Promise<Rehearsed> {
  let failure: DatabaseFailure;
  try {
    const [receipts] = await query<{ count: string }>(probe, parameters);
    await query("RELEASE SAVEPOINT rehearsal; SAVEPOINT rehearsal");
    return { outcome: receipts?.count === "0" ? "duplicate" : "loaded" };
  } catch (error) {
    failure = databaseFailure(error);
    if (error instanceof MasklineError || !mayBeRow(failure)) throw error;
  }
  await query("ROLLBACK TO SAVEPOINT rehearsal");
  return { outcome: "quarantined", fault: refusalFault(failure) };
}

/** The pipeline's number; before its first run one that no pipeline is given, gone with the transaction. */
async function pipelineNumber(query: Query, schema: string, name: string): Promise<number> {
  const table = `${quoteName(schema)}.pipeline`;
  const [found] = await query<{ number: number }>(`SELECT number FROM ${table} WHERE name = $1`, [name]);
  if (found !== undefined) return found.number;
  await query(`INSERT INTO ${table} (number, name) OVERRIDING SYSTEM VALUE VALUES ($1, $2)`, [unusedNumber, name]);
  return unusedNumber;
}

const unusedNumber = -1;
