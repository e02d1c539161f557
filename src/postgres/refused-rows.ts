import type { Rows } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import { type CopyIn, CopyUnusable } from "./copy-in.ts";
import type { Database, Query } from "./database.ts";
import { type DatabaseFailure, isClash, isOfRowAlone } from "./error-classes.ts";
import { type LoadStatements, receiptParameters } from "./load-statement.ts";
import { type Attempt, RowTrial } from "./row-trial.ts";

/** A row the database does not take, by its place in the batch. */
export interface RefusedRow {
  readonly place: number;
  readonly failure: DatabaseFailure;
}

export interface Search {
  /** How many rows were tried: those whose message is new. */
  readonly tried: number;
  /** In the order of the batch. */
  readonly refused: readonly RefusedRow[];
}

/**
 * Finds the rows a database refuses, inside savepoints of one transaction that is rolled back. A row that has been loaded already is not
 * tried.
 *
 * A row is found because it is refused whatever else is loaded, or because it is refused with all rows before it in place that are not
 * refused themselves: of rows that clash the first stays, as if they came one by one. Rows that clash only with rows the search went past
 * may be left; then it has found others, and finds those the next time.
 * @param pipeline its number; null where rows have no receipts, and all are new
 * @throws the failure as it came, when it is not the row's.
 */
export type RefusedRowSearch = (
  database: Pick<Database, "transaction">,
  statements: LoadStatements,
  pipeline: number | null,
  rows: Rows,
) => Promise<Search>;

/**
 * By COPY, which says at which row it stopped; where it does not (a trigger after the row, a foreign key, a constraint checked at the
 * statement's end) or cannot write to the table, the batch is halved.
 */
export const findRefusedRows: RefusedRowSearch = (...asked) =>
  rolledBack(asked, async (trial, skipsConflicts) => {
    let evident: readonly RefusedRow[] = [];
    try {
      const passed = await passOver(trial.byCopy, trial.count, skipsConflicts);
      let refused = passed.toTheEnd ? passed.refused : [];
      // COPY knows no ON CONFLICT: what it refuses may be skipped by the load
      if (!passed.toTheEnd && !skipsConflicts) refused = await settleOthers(trial, trial.byCopy, passed.refused);
      if (passed.refused.length + refused.length > 0) await trial.requireSame();
      if (refused.length > 0) return refused;
      evident = passed.refused;
    } catch (error) {
      if (!(error instanceof CopyUnusable)) throw error;
    }
    return settleOthers(trial, trial.byInsert, evident);
  });

/** By halving alone. */
export const findByHalving: RefusedRowSearch = (...asked) => rolledBack(asked, (trial) => settleOthers(trial, trial.byInsert, []));

async function rolledBack(
  [database, statements, pipeline, rows]: Parameters<RefusedRowSearch>,
  search: (trial: RowTrial, skipsConflicts: boolean) => Promise<readonly RefusedRow[]>,
): Promise<Search> {
  const work = async (query: Query, _prelude: unknown, copyIn: CopyIn): Promise<Search> => {
    const tried = await newPlaces(query, statements, pipeline, rows);
    const trial = new RowTrial(query, copyIn, statements, selectRows(rows, tried));
    const refused = await search(trial, statements.skipsConflicts);
    const byPlace = refused.map(({ place, failure }) => ({ place: tried[place] as number, failure }));
    return { tried: tried.length, refused: byPlace.sort((one, other) => one.place - other.place) };
  };
  return database.transaction("looking for refused rows", work, { discard: true, userPath: true });
}

/**
 * Receipts are read, which takes half the time of inserting them: a search decides nothing. Whoever had one of these messages in hand was
 * waited for by the load that failed.
 */
async function newPlaces(
  query: Query,
  statements: LoadStatements,
  pipeline: number | null,
  rows: Rows,
): Promise<readonly number[]> {
  if (pipeline === null) return rows.deliveries.map((_, place) => place);
  const found = await query<{ id: string }>(statements.known, [pipeline, ...receiptParameters(rows)]);
  const known = new Set(found.map(({ id }) => id));
  return rows.ids.flatMap((id, place) => (known.has(id) ? [] : [place]));
}

/** After a refusal so many rows are tried at once, times the rows that went well before it: what is sent behind a refused row is in vain. */
const growth = 3;
const leastReach = 64;

/**
 * Goes from one row that is refused whatever else is loaded to the next, and on behind it. What stands before a refused row went with it
 * and is not tried again here: the load does that. Ends early at a row that others may have to do with.
 */
async function passOver(
  attempt: Attempt,
  count: number,
  skipsConflicts: boolean,
): Promise<{ refused: readonly RefusedRow[]; toTheEnd: boolean }> {
  const refused: RefusedRow[] = [];
  for (let at = 0, reach = count; at < count;) {
    const end = Math.min(count, at + reach);
    const refusal = await attempt(at, end);
    if (refusal === null) {
      at = end;
      reach *= growth;
      continue;
    }
    const { failure, told } = refusal;
    if (told === null || !told.certain) return { refused, toTheEnd: false };
    if (isOfRowAlone(failure)) refused.push({ place: told.row, failure });
    // COPY checks each row before it compares any with others, so rows up to this one are not refused for themselves
    else if (!(skipsConflicts && isClash(failure))) return { refused, toTheEnd: false };
    reach = Math.max(leastReach, growth * (told.row - at));
    at = told.row + 1;
  }
  return { refused, toTheEnd: true };
}

/** All refused rows: those that are evident, and those that the others come to, tried anew. */
async function settleOthers(trial: RowTrial, attempt: Attempt, evident: readonly RefusedRow[]): Promise<readonly RefusedRow[]> {
  const known = new Set(evident.map(({ place }) => place));
  const others = Array.from({ length: trial.count }, (_, place) => place).filter((place) => !known.has(place));
  trial.startAgain(others);
  const refused: RefusedRow[] = [];
  await settle(attempt, 0, others.length, refused);
  return [...evident, ...refused.map(({ place, failure }) => ({ place: others[place] as number, failure }))];
}

/**
 * Finds the refused ones of the rows `from` up to `to`, and leaves the others in the table: a row is refused only after all before it have
 * been settled, or for what is evident from itself.
 */
async function settle(attempt: Attempt, from: number, to: number, refused: RefusedRow[]): Promise<void> {
  let at = from;
  let reach = to - from;
  let since = from;
  /** A refused row stands before this place, if that is known. */
  let knownBefore = from;
  while (at < to) {
    const end = Math.min(to, at + reach);
    const refusal = await attempt(at, end);
    if (refusal === null) {
      at = end;
      reach = knownBefore > at ? (knownBefore - at + 1) >> 1 : reach * growth;
      continue;
    }
    const { failure, told } = refusal;
    const place = told?.row ?? at;
    const alone = end - at === 1;
    if (alone || (told?.certain === true && (place === at || isOfRowAlone(failure)))) {
      refused.push({ place, failure });
      await settle(attempt, at, place, refused);
      reach = Math.max(leastReach, growth * (place - since));
      since = at = place + 1;
    } else if (place > at) {
      // those before it first: one of them may be what it clashes with, and refused itself
      await settle(attempt, at, place, refused);
      at = place;
      knownBefore = place + 1;
      if (told?.certain !== true) reach = 1;
    } else if (told === null) {
      reach = (end - at) >> 1;
      knownBefore = end;
    } else reach = 1;
  }
}
