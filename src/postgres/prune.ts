import type pg from "pg";

import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";

/** What is pruned: one pipeline's own. */
export interface PruneScope {
  readonly schema: string;
  /** From `findPipeline`. */
  readonly pipeline: number;
  /** How long receipts are kept: at least as long as any queue keeps a message. */
  readonly days: number;
}

export interface Pruned {
  readonly receipts: number;
  /** Rows that were summed up in others: the account of their run stays what it was. */
  readonly ledgerRows: number;
  /** Notes of what lanes had received, where the ledger says as much. */
  readonly notes: number;
  /** `busy`: another process is at it. `stopped`: asked to end before all was done. */
  readonly ended: "done" | "busy" | "stopped";
}

/** So many rows a transaction: some milliseconds. */
const chunkRows = 5_000;
const lanesAtOnce = 100;
/** A row of the ledger counts in integers: one that has come this far is not added to any more. */
const fullCount = 1_000_000_000;

/** Any number that is ours alone, with the pipeline's: one process prunes at a time. */
const pruneLock = 714_521_037;
/** What holds a whole table holds it for a reason; loads wait for nothing of ours meanwhile. */
const lockTimeoutMs = 500;

/**
 * Removes receipts that are older than anything a queue still holds, and sums up the ledger of that time. In chunks of key ranges, each
 * a transaction of its own that locks old rows only: no load has to do with them, and none waits. Receipts of messages that stand in the
 * quarantine stay, and those without a sent time.
 */
export async function prune(database: Database, scope: PruneScope, stop: AbortSignal): Promise<Pruned> {
  const removed = { receipts: 0, ledgerRows: 0, notes: 0 };
  const chunk = chunks(database, scope.pipeline);
  const works: Readonly<Record<keyof typeof removed, Work>> = { receipts: pruneReceipts, ledgerRows: foldLedger, notes: dropNotes };
  try {
    for (const part of ["receipts", "ledgerRows", "notes"] as const) {
      for await (const rows of works[part](chunk, scope)) {
        removed[part] += rows;
        if (stop.aborted) return { ...removed, ended: "stopped" };
      }
    }
    return { ...removed, ended: "done" };
  } catch (error) {
    if (error instanceof Busy) return { ...removed, ended: "busy" };
    throw error;
  }
}

/** What `prune` would do. Changes nothing, and reads all that is old. */
export async function countPrunable(database: Database, { schema, pipeline, days }: PruneScope): Promise<Omit<Pruned, "ended">> {
  const own = quoteName(schema);
  const sql = `SELECT (SELECT count(*) FROM ${own}.receipt WHERE ${oldReceipt("sent_at")})::float8
           + (SELECT count(*) FROM ${own}.identity_receipt WHERE ${oldReceipt("received_at")})::float8 AS receipts,
         (SELECT coalesce(sum(old_rows - ${keptRows}), 0) FROM (${longLanes(own)}) AS lane)::float8 AS "ledgerRows",
         (SELECT count(*) FROM ${own}.intake AS note WHERE ${toldNote(own)})::float8 AS notes`;
  const [counted] = await database.transaction(
    "counting what can be pruned",
    (query) => query<{ receipts: number; ledgerRows: number; notes: number }>(sql, [pipeline, days]),
    { unhurried: true },
  );
  return counted ?? { receipts: 0, ledgerRows: 0, notes: 0 };
}

/** Whether this role may do it: those that load need not. */
export async function mayPrune(database: Database, schema: string): Promise<boolean> {
  const own = quoteName(schema);
  const rights = [
    "receipt DELETE",
    "identity_receipt DELETE",
    "intake DELETE",
    "ledger DELETE",
    "ledger INSERT",
    "ledger_reason DELETE",
  ];
  const named = rights.map((right) => right.split(" ")).map(([table, right]) => [`${own}.${table}`, right]);
  const [row] = await database.query<{ may: boolean }>(
    "looking whether this role may prune",
    `SELECT bool_and(has_table_privilege(named, asked)) AS may FROM unnest($1::text[], $2::text[]) AS rights (named, asked)`,
    [named.map(([table]) => table), named.map(([, right]) => right)],
  );
  return row?.may === true;
}

/** One transaction. @throws Busy when another process prunes this pipeline */
type Chunk = <Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>;

/** Yields how many rows each chunk removed. */
type Work = (chunk: Chunk, scope: PruneScope) => AsyncGenerator<number>;

class Busy extends Error {}

function chunks(database: Database, pipeline: number): Chunk {
  const prelude = `SET LOCAL lock_timeout = ${lockTimeoutMs}; SELECT pg_try_advisory_xact_lock(${pruneLock}, ${pipeline}) AS mine`;
  return (sql, parameters) =>
    database.transaction(
      "pruning",
      (query, [lock]) => {
        if (lock?.["mine"] !== true) throw new Busy();
        return query(sql, parameters);
      },
      { prelude, mayBeLost: true },
    );
}

/** `$1` is the pipeline, `$2` the days. */
const oldReceipt = (time: string): string =>
  `pipeline = $1 AND ${time} < now() - make_interval(days => $2) AND outcome <> 'quarantined'`;

type Page = { readonly removed: number; readonly read: number; readonly moment: string; readonly id: string };

/**
 * In the order of an index, a page at a time, so that none looks again at what an earlier one has removed. Rows are named by their
 * place, which is theirs as long as this transaction sees them; a row that someone has changed meanwhile is left alone.
 */
async function* pruneReceipts(chunk: Chunk, { schema, pipeline, days }: PruneScope): AsyncGenerator<number> {
  const own = quoteName(schema);
  const page = (table: string, time: string, order: string, from: string): string => `WITH old AS (
    SELECT ctid AS place, ${time} AS moment, id FROM ${table}
    WHERE ${oldReceipt(time)} AND ${from} ORDER BY ${order} LIMIT ${chunkRows}), gone AS (
    DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT place FROM old)) AND ${oldReceipt(time)} RETURNING 1)
  SELECT (SELECT count(*)::int FROM gone) AS removed, (SELECT count(*)::int FROM old) AS read, moment::text, id
  FROM old ORDER BY moment DESC, id DESC LIMIT 1`;
  const bySentTime = page(`${own}.receipt`, "sent_at", "sent_at, id", "(sent_at, id) > ($3::timestamptz, $4::text)");
  for (let from: readonly unknown[] | null = ["-infinity", ""]; from !== null;) {
    const [found]: Page[] = await chunk<Page>(bySentTime, [pipeline, days, ...from]);
    from = found === undefined || found.read < chunkRows ? null : [found.moment, found.id];
    yield found?.removed ?? 0;
  }
  const byIdentity = page(`${own}.identity_receipt`, "received_at", "received_at", "received_at >= $3::timestamptz");
  for (let from: string | null = "-infinity"; from !== null;) {
    const [found]: Page[] = await chunk<Page>(byIdentity, [pipeline, days, from]);
    from = found === undefined || found.read < chunkRows ? null : found.moment;
    yield found?.removed ?? 0;
  }
}

/** Of each lane its first row stays, which says when it began, and one that sums up the others. */
const keptRows = 2;
const oldLedgerRow = `recorded_at < now() - make_interval(days => $2) AND greatest(loaded, duplicate, quarantined, returned) < ${fullCount}`;

function longLanes(own: string): string {
  return `SELECT run, lane, count(*) AS old_rows FROM ${own}.ledger WHERE pipeline = $1 AND ${oldLedgerRow}
    GROUP BY run, lane HAVING count(*) > ${keptRows}`;
}

async function* foldLedger(chunk: Chunk, { schema, pipeline, days }: PruneScope): AsyncGenerator<number> {
  const own = quoteName(schema);
  const fold = `WITH old AS (
    SELECT sequence FROM ${own}.ledger WHERE pipeline = $1 AND run = $3 AND lane = $4 AND ${oldLedgerRow}
    ORDER BY sequence OFFSET 1 LIMIT ${chunkRows}), gone AS (
    DELETE FROM ${own}.ledger WHERE run = $3 AND lane = $4 AND sequence = ANY (ARRAY(SELECT sequence FROM old)) RETURNING *), reasons AS (
    DELETE FROM ${own}.ledger_reason WHERE run = $3 AND lane = $4 AND sequence = ANY (ARRAY(SELECT sequence FROM old))), folded AS (
    INSERT INTO ${own}.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, closing, recorded_at)
    SELECT run, lane, max(sequence), pipeline, max(received), sum(loaded), sum(duplicate), sum(quarantined), sum(returned),
           bool_or(closing), max(recorded_at)
    FROM gone GROUP BY run, lane, pipeline)
  SELECT count(*)::int - 1 AS removed FROM gone`;
  for (;;) {
    const lanes = await chunk<{ run: string; lane: number }>(`${longLanes(own)} LIMIT ${lanesAtOnce}`, [pipeline, days]);
    if (lanes.length === 0) return;
    for (const { run, lane } of lanes) {
      const [folded] = await chunk<{ removed: number }>(fold, [pipeline, days, run, lane]);
      yield folded?.removed ?? 0;
    }
  }
}

/** A note that the ledger says as much as. An hour old: before, its lane may be about to write it again. */
function toldNote(own: string): string {
  return `note.pipeline = $1 AND note.recorded_at < now() - interval '1 hour' AND EXISTS (
    SELECT 1 FROM ${own}.ledger WHERE ledger.run = note.run AND ledger.lane = note.lane AND ledger.received >= note.received)`;
}

async function* dropNotes(chunk: Chunk, { schema, pipeline }: PruneScope): AsyncGenerator<number> {
  const own = quoteName(schema);
  const sql = `WITH gone AS (DELETE FROM ${own}.intake AS note WHERE ${toldNote(own)} RETURNING 1) SELECT count(*)::int AS removed FROM gone`;
  const [row] = await chunk<{ removed: number }>(sql, [pipeline]);
  yield row?.removed ?? 0;
}
