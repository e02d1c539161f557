import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { TextColumn } from "../src/contract/text-column.ts";
import { startPostgres } from "../src/demo/postgres-server.ts";
import type { Batch, Delivery, Rows } from "../src/pipeline/ports.ts";
import { Database } from "../src/postgres/database.ts";
import { FailureBudget } from "../src/postgres/failure-budget.ts";
import { migrate } from "../src/postgres/migrate.ts";
import { registerPipeline } from "../src/postgres/pipelines.ts";
import { findByHalving, findRefusedRows, type RefusedRowSearch } from "../src/postgres/refused-rows.ts";
import { PostgresSink } from "../src/postgres/sink.ts";
import { checkTarget, type ColumnDemand } from "../src/postgres/target.ts";
import { plainBisection } from "./plain-bisection.ts";

/** A way to load batches of which some rows are refused, timed beside the same table's clean batches. */
interface Way {
  readonly name: string;
  readonly search: RefusedRowSearch;
  /** Statements and COPYs of the search for the refused rows of one batch. */
  statements: number;
  readonly sink: PostgresSink;
  /** One that never sees a refused row: a sink remembers them for a while. */
  readonly cleanSink: PostgresSink;
  /** Of a batch with refused rows, and of the clean one that was loaded before it. */
  readonly pairs: { readonly own: Spent; readonly clean: Spent }[];
}

/** Wall-clock time, and CPU time of this process and the server's session: what other processes do meanwhile is in the first only. */
interface Spent {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const batchRows = 1_000;
const refusedEvery = 100;
const usualRounds = 25;
const table = { schema: "public", table: "bench_logins" };
const demands: readonly ColumnDemand[] = [
  { name: "user_id", form: "text", longest: 128, mayBeNull: false },
  { name: "device_type", form: "text", longest: 32, mayBeNull: false },
  { name: "masked_ip", form: "token", longest: 64, mayBeNull: false },
  { name: "masked_device_id", form: "token", longest: 64, mayBeNull: false },
  { name: "locale", form: "text", longest: 32, mayBeNull: true },
  { name: "app_version", form: "integer", longest: null, mayBeNull: true },
  { name: "create_date", form: "date", longest: null, mayBeNull: true },
];
const tableSql = `CREATE TABLE public.bench_logins (user_id varchar(128) NOT NULL,
  device_type varchar(32) NOT NULL CONSTRAINT known_device CHECK (device_type IN ('ios', 'android')), masked_ip varchar(256) NOT NULL,
  masked_device_id varchar(256) NOT NULL, locale varchar(32), app_version integer, create_date date)`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string" }, every: { type: "string" }, require: { type: "boolean", default: false } },
  });
  const every = Number(values.every ?? refusedEvery);
  const server = await startPostgres();
  const database = new Database({ url: server.url, tls: null, caFile: null, connections: 1, connectTimeoutMs: 10_000 });
  try {
    await database.query("preparing", tableSql);
    await migrate(database, "maskline");
    const ways = await Promise.all([
      makeWay(database, "COPY's line", findRefusedRows),
      makeWay(database, "halving", findByHalving),
      makeWay(database, "plain bisection", plainBisection),
    ]);
    for (const way of ways) await prove(database, way);
    say(`${ways.length} ways refuse the same rows and load the others; timing batches of ${batchRows}, one in ${every} refused\n`);
    const [session] = await database.query<{ pid: number }>("looking", "SELECT pg_backend_pid() AS pid");
    await time(ways, Number(values.rounds ?? usualRounds), every, session?.pid ?? 0);
    say(asTable(ways));
    const [copy] = ways;
    if (values.require && copy !== undefined && median(ratios(copy, "cpuMs")) > target) process.exitCode = 1;
  } finally {
    await database.close();
    await server.stop();
  }
}

/** Of a clean batch's time, at most. */
const target = 2.5;

async function makeWay(database: Database, name: string, search: RefusedRowSearch): Promise<Way> {
  const columns = await checkTarget(database, table, demands);
  const pipeline = await registerPipeline(database, "maskline", name);
  const counted: RefusedRowSearch = async (through, ...asked) => {
    const counting = countStatements(through);
    const found = await search(counting.database, ...asked);
    way.statements = counting.statements();
    return found;
  };
  const open = (): PostgresSink =>
    new PostgresSink(database, {
      schema: "maskline",
      table,
      columns,
      pipeline,
      budget: new FailureBudget(database, "maskline", pipeline, { refused: null, share: null, window: 1_000 }),
      contractHash: "bench",
      describe: () => [],
      recheckTarget: async () => {},
      search: counted,
    });
  const way: Way = { name, search, statements: 0, pairs: [], sink: open(), cleanSink: open() };
  return way;
}

/** The rows that are left, and those that are not, are those of the batch: what the CHECK says, read from the values. */
async function prove(database: Database, way: Way): Promise<void> {
  await database.query("clearing", "TRUNCATE public.bench_logins");
  const batch = makeBatch(refusedEvery);
  const settlements = await way.sink.load(batch);
  const types = batch.rows.columns[1]?.texts() ?? [];
  const good = batch.rows.ids.filter((_, row) => types[row] !== "toaster");
  const quarantined = settlements.filter(({ outcome }) => outcome === "quarantined").map(({ delivery }) => delivery.id);
  assert.deepEqual(quarantined.sort(), batch.rows.ids.filter((_, row) => types[row] === "toaster").sort(), way.name);
  const rows = await database.query<{ user_id: string }>("reading", "SELECT user_id FROM public.bench_logins ORDER BY ctid");
  assert.deepEqual(
    rows.map(({ user_id }) => user_id),
    good,
    way.name,
  );
}

/** Each round loads a clean batch before each way's batch, and a ratio is taken within its pair: a machine that slows down slows both. */
async function time(ways: readonly Way[], rounds: number, every: number, session: number): Promise<void> {
  for (let round = -2; round < rounds; round += 1) {
    for (const way of ways) {
      const clean = await timed(way.cleanSink, makeBatch(null), session);
      const own = await timed(way.sink, makeBatch(every), session);
      if (round >= 0) way.pairs.push({ own, clean });
    }
  }
}

async function timed(sink: PostgresSink, batch: Batch, session: number): Promise<Spent> {
  const [start, cpu] = [performance.now(), cpuMs(session)];
  await sink.load(batch);
  return { wallMs: performance.now() - start, cpuMs: cpuMs(session) - cpu };
}

/** The kernel's count of a process's time on a CPU, in nanoseconds; there is none where there is no /proc. */
function cpuMs(session: number): number {
  const { user, system } = process.cpuUsage();
  const counted = readFileSync(`/proc/${session}/schedstat`, "utf8").split(" ")[0];
  return (user + system) / 1_000 + Number(counted) / 1_000_000;
}

let counter = 0;

/** @param every one row in so many is refused, at places that differ from batch to batch; null for none */
function makeBatch(every: number | null): Batch {
  const deliveries = Array.from({ length: batchRows }, (): Delivery => {
    counter += 1;
    const id = `message-${String(counter).padStart(9, "0")}`;
    const times = { sentAtMs: 1_795_176_000_000 + counter, receivedAtMs: 1_795_176_000_000 + counter };
    return { id, body: "{}", ...times, attempt: 1, groupId: null, attributes: {}, handle: id };
  });
  const shift = counter % 97;
  const rows: Rows = {
    deliveries,
    ids: deliveries.map(({ id }) => id),
    columns: [
      deliveries.map(({ id }) => id),
      deliveries.map((_, row) => (every !== null && (row + shift) % every === 0 ? "toaster" : "ios")),
      deliveries.map(({ id }) => `AQAABNL${id}${id}`),
      deliveries.map(({ id }) => `AQAABNL${id}${id}`),
      deliveries.map((_, row) => (row % 3 === 0 ? null : "FR")),
      deliveries.map((_, row) => String(row % 9)),
      deliveries.map(() => "2026-11-20"),
    ].map((values) => TextColumn.of(values)),
  };
  const position = { run: randomUUID(), lane: 0, sequence: 1, received: batchRows, returned: 0 };
  return { rows, refused: [], position, seal: async ({ id }) => Buffer.from(`sealed ${id}`) };
}

function countStatements(database: Pick<Database, "transaction">): {
  readonly database: Pick<Database, "transaction">;
  readonly statements: () => number;
} {
  const asked: string[] = [];
  const counting: Pick<Database, "transaction"> = {
    transaction: (doing, work, options) =>
      database.transaction(
        doing,
        (query, prelude, copyIn, first) =>
          work(
            (sql, parameters) => {
              asked.push(sql);
              return query(sql, parameters);
            },
            prelude,
            (sql, rows) => {
              asked.push(sql);
              return copyIn(sql, rows);
            },
            first,
          ),
        options,
      ),
  };
  // savepoints travel with the attempt that follows them: each is a statement all the same
  const pieces = (sql: string): number => (/^(SAVEPOINT|ROLLBACK|RELEASE)/.test(sql) ? sql.split(";").length : 1);
  return { database: counting, statements: () => asked.reduce((sum, sql) => sum + pieces(sql), 0) };
}

function ratios(way: Way, time: keyof Spent): readonly number[] {
  return way.pairs.map(({ own, clean }) => own[time] / clean[time]);
}

function asTable(ways: readonly Way[]): string {
  const head = row(["", "ms a batch", "clean, ms", "ratio", "least-most", "ratio, CPU", "least-most", "statements"]);
  const lines = ways.map((way) => {
    const wall = [way.pairs.map(({ own }) => own.wallMs), way.pairs.map(({ clean }) => clean.wallMs)];
    const cells = (["wallMs", "cpuMs"] as const).flatMap((time) => {
      const each = ratios(way, time);
      return [`${median(each).toFixed(1)} x`, `${Math.min(...each).toFixed(1)}-${Math.max(...each).toFixed(1)}`];
    });
    return row([way.name, ...wall.map((times) => median(times).toFixed(1)), ...cells, String(way.statements)]);
  });
  return [head, ...lines].join("\n");
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(18) : cell.padStart(12))).join("");
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
