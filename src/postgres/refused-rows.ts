import { MasklineError } from "../errors.ts";
import type { Rows } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import type { Database, Query } from "./database.ts";
import { type DatabaseFailure, databaseFailure, mayBeRow } from "./error-classes.ts";
import { rowParameters } from "./load-statement.ts";

/** A row the database does not take, by its place in the batch. */
export interface RefusedRow {
  readonly place: number;
  readonly failure: DatabaseFailure;
}

/** Ends the probing transaction without an error for anyone: nothing of it may stay. */
class Rollback extends Error {}

/**
 * Finds the rows a database refuses: halves the batch until each refused row stands alone, inside savepoints of one transaction that
 * is rolled back. Accepted neighbours stay while the search goes on, so rows that only clash with each other are found too.
 * @throws the failure as it came, when it is not the row's.
 */
export async function findRefusedRows(
  database: Database,
  probeSql: string,
  pipeline: number,
  rows: Rows,
): Promise<readonly RefusedRow[]> {
  const refused: RefusedRow[] = [];
  try {
    await database.transaction("looking for refused rows", async (query) => {
      const all = rows.deliveries.map((_, place) => place);
      await search(all, (places) => attempt(query, probeSql, [pipeline, ...rowParameters(selectRows(rows, places))]), refused);
      throw new Rollback();
    });
  } catch (error) {
    if (!(error instanceof Rollback)) throw error;
  }
  return refused;
}

async function search(
  places: readonly number[],
  accepts: (places: readonly number[]) => Promise<DatabaseFailure | null>,
  refused: RefusedRow[],
): Promise<void> {
  const failure = await accepts(places);
  if (failure === null) return;
  const [only] = places;
  if (places.length === 1 && only !== undefined) {
    refused.push({ place: only, failure });
    return;
  }
  const middle = places.length >> 1;
  await search(places.slice(0, middle), accepts, refused);
  await search(places.slice(middle), accepts, refused);
}

async function attempt(query: Query, sql: string, parameters: readonly unknown[]): Promise<DatabaseFailure | null> {
  await query("SAVEPOINT probe");
  try {
    await query(sql, parameters);
    await query("RELEASE SAVEPOINT probe");
    return null;
  } catch (error) {
    const failure = databaseFailure(error);
    if (error instanceof MasklineError || !mayBeRow(failure)) throw error;
    await query("ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe");
    return failure;
  }
}
