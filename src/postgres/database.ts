import pg from "pg";

import { MasklineError } from "../errors.ts";
import { connectionConfig, type DatabaseOptions } from "./connection.ts";
import { type CopyIn, copyInThrough } from "./copy-in.ts";
import { databaseError, databaseFailure } from "./error-classes.ts";
import type { Statement } from "./extended-messages.ts";
import { Pools } from "./pools.ts";
import { sendTogether } from "./sent-together.ts";

export type Query = <Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** What a transaction does beside its work. */
export interface TransactionOptions {
  /** Fixed texts that are sent along with BEGIN, at no round trip of their own; the rows of their statements go to the work. */
  readonly prelude?: string | readonly string[];
  /** Further statements that are sent with them: for what can be looked at before COMMIT as well as before they are made. */
  readonly first?: readonly Statement[];
  /** Together with COMMIT, in one piece: nothing is decided in between. */
  readonly commitsAlong?: boolean;
  /** For what reads whole tables: no limit of time for a statement. */
  readonly unhurried?: boolean;
  /** For what has to see all rows: where row-level security would hide some from this user, the statement fails instead. */
  readonly unfiltered?: boolean;
  /** Rolled back at the end: nothing of it stays. */
  readonly discard?: boolean;
  /** Aborting it cuts the connection: the transaction is rolled back, or nobody here knows what became of its COMMIT. */
  readonly halt?: AbortSignal | undefined;
  /**
   * For what changes the user's own table, and for nothing else: its triggers, defaults and checks are the user's, and may look for names
   * where this user's sessions do. Every statement of such a transaction is the same whatever stands in that path: functions that take any
   * type, and operators of unlike types, are written with `pg_catalog`.
   */
  readonly userPath?: boolean;
  /** For what is told or done again when a crash of the server takes it: COMMIT does not wait for the disk. */
  readonly mayBeLost?: boolean;
}

/** Waits at most this long for a lock, and for any one statement, inside a transaction of ours. */
const lockTimeoutMs = 10_000;
const statementTimeoutMs = 60_000;
/**
 * Between two statements of a transaction of ours lie milliseconds. What lies longer is of a client that has vanished without a word (a host
 * that died, a network that was cut): its locks, on receipts above all, must not outlast it by the hours TCP takes to notice.
 */
const idleTimeoutMs = 30_000;
/** The server's own limit comes first; this one is for a server, or a pooler before it, that says nothing any more. */
const silenceTimeoutMs = 75_000;

/**
 * Pins what a transaction's meaning rests on, whatever the server, the database or the role has set. Everything is local to the
 * transaction, so it holds behind a pooler that hands each transaction another session. `synchronous_commit` is only ever raised, but for
 * what may be lost: a message is deleted on the word of COMMIT.
 */
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/** Before anything is looked up by name: of two operators the one that fits exactly is taken, in whatever schema of the path it stands. */
export const ownPath = "SET LOCAL search_path = pg_catalog, pg_temp";
const pins: readonly string[] = [
  // as SET LOCAL, in one statement
  `SELECT ${[
    ["TimeZone", "UTC"],
    ["DateStyle", "ISO, YMD"],
    ["IntervalStyle", "postgres"],
    ["array_nulls", "on"],
    ["lock_timeout", lockTimeoutMs],
    ["statement_timeout", statementTimeoutMs],
    ["idle_in_transaction_session_timeout", idleTimeoutMs],
  ]
    .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
    .join(", ")},
  CASE WHEN pg_catalog.current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
    THEN pg_catalog.set_config('synchronous_commit', 'on', true) END AS pinned`,
  "SET CONSTRAINTS ALL IMMEDIATE",
];

export type HaltedDatabase = Pick<Database, "query" | "transaction">;

/** Longer than any statement: the driver knows no "for ever" for a single one. */
const unhurriedMs = 2_147_483_647;

/** A pool of connections to one database. Every failure leaves here as a MasklineError or a DatabaseFailure, never as the driver's own. */
export class Database {
  /** host:port/database, safe to show. */
  readonly where: string;
  readonly #pools: Pools;

  constructor(options: DatabaseOptions) {
    const { where, config } = connectionConfig(options);
    this.where = where;
    this.#pools = new Pools({ ...config, query_timeout: silenceTimeoutMs });
  }

  /** One statement on its own. `doing` completes "while ..." in an error. */
  async query<Row extends pg.QueryResultRow>(doing: string, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.transaction(doing, (query) => query<Row>(sql, parameters));
  }

  /** Runs `work` in one transaction with pinned settings: committed when it returns, rolled back when it throws. */
  async transaction<T>(
    doing: string,
    work: (
      query: Query,
      prelude: readonly pg.QueryResultRow[],
      copyIn: CopyIn,
      first: readonly (readonly pg.QueryResultRow[])[],
    ) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const { prelude = [], first = [], unhurried = false, mayBeLost = false, discard = false, commitsAlong = false, halt } = options;
    const connected = await this.#pools.connect(halt).catch((error: unknown) => {
      throw databaseError(error, "connecting", this.where);
    });
    if (connected === null) throw new MasklineError("database_unreachable", `stopped while ${doing} (${this.where})`);
    const { pool, client } = connected;
    let broken = false;
    let hasBegun = false;
    // ends the connection under a statement that waits for its answer: the statement fails at once
    const cut = (): void => void client.end();
    halt?.addEventListener("abort", cut, { once: true });
    try {
      const opening = [
        begin,
        ...(options.userPath === true ? [] : [ownPath]),
        ...pins,
        ...(unhurried ? ["SET LOCAL statement_timeout = 0"] : []),
        ...(options.unfiltered === true ? ["SET LOCAL row_security = off"] : []),
        ...(mayBeLost ? ["SET LOCAL synchronous_commit = off"] : []),
        ...[prelude].flat(),
      ];
      const { answers, error } =
        first.length === 0
          ? { answers: answersOf(await client.query(opening.join(";\n"))), error: null }
          : await sendTogether(client, [
              ...opening.map((sql) => ({ sql })),
              ...first,
              ...(commitsAlong ? [{ sql: "COMMIT" }] : []),
            ]);
      hasBegun = answers.length > 0;
      if (error !== null) throw error;
      const behind = first.length === 0 ? answers.length : opening.length;
      const asked = answers.slice(0, behind).flatMap((rows) => rows.filter((row) => !("pinned" in row)));
      const query = async <Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> => {
        const statement = { text: sql, values: [...parameters], ...(unhurried ? { query_timeout: unhurriedMs } : {}) };
        return answersOf(await client.query<Row>(statement)).flat() as Row[];
      };
      const result = await work(query, asked, copyInThrough(client), answers.slice(behind));
      if (!commitsAlong) await client.query(discard ? "ROLLBACK" : "COMMIT");
      return result;
    } catch (error) {
      broken = isSilence(error) || halt?.aborted === true || !(await rollBack(client));
      if (!isDriverError(error)) throw error;
      const refusal = new DatabaseRefusal(hasBegun ? error : namedReadOnly(error), doing, this.where);
      // the others of the pool may still lead to a server that has become read-only, and the name may stand for another one now
      if (refusal.failure.failureClass === "outage") this.#pools.leave(pool);
      throw refusal;
    } finally {
      halt?.removeEventListener("abort", cut);
      client.release(broken);
    }
  }

  /** The same database for work that ends when a run is halted. */
  haltedBy(halt: AbortSignal | undefined): HaltedDatabase {
    const transaction: Database["transaction"] = (doing, work, options) => this.transaction(doing, work, { halt, ...options });
    return { transaction, query: (doing, sql, parameters) => transaction(doing, (query) => query(sql, parameters)) };
  }

  async close(): Promise<void> {
    await this.#pools.close();
  }
}

/** A statement that failed, with the parts of the driver's error that hold no value. */
export class DatabaseRefusal extends MasklineError {
  readonly failure: ReturnType<typeof databaseFailure>;

  constructor(error: unknown, doing: string, where: string) {
    const shown = databaseError(error, doing, where);
    super(shown.code, shown.message, shown.next === undefined ? {} : { next: shown.next });
    this.failure = databaseFailure(error);
  }
}

/** Of a text with several statements the driver answers with a list, which its types do not say. */
function answersOf(answers: pg.QueryResult | readonly pg.QueryResult[]): readonly (readonly pg.QueryResultRow[])[] {
  return [answers].flat().map(({ rows }) => rows);
}

/** A standby refuses READ WRITE as something it cannot do, and only what is written later as read-only. */
function namedReadOnly(error: Error): Error {
  return "code" in error && error.code === "0A000" ? Object.assign(new Error("read-only"), { code: "25006" }) : error;
}

async function rollBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

/** The driver's word for an answer that did not come; the connection still waits for it and is of no more use. */
function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

function isDriverError(error: unknown): error is Error {
  if (error instanceof MasklineError || !(error instanceof Error)) return false;
  return "code" in error || error instanceof pg.DatabaseError || /[Cc]onnection|timeout|Client was closed/.test(error.message);
}
