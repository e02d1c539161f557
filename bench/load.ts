import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { TextColumn } from "../src/contract/text-column.ts";
import { type PostgresServer, startPostgres } from "../src/demo/postgres-server.ts";
import type { Batch, Delivery, Sink } from "../src/pipeline/ports.ts";
import type * as DatabaseModule from "../src/postgres/database.ts";
import type * as FailureBudgetModule from "../src/postgres/failure-budget.ts";
import type * as MigrateModule from "../src/postgres/migrate.ts";
import type * as PipelinesModule from "../src/postgres/pipelines.ts";
import type * as SinkModule from "../src/postgres/sink.ts";
import type * as TargetModule from "../src/postgres/target.ts";
import { collector } from "./measure.ts";

/**
 * What a load costs, with receipts, quarantine, ledger and failure budget on: CPU time of this process and of the server's sessions apart,
 * by batch length and share of duplicates. `--against FOLDER` times another checkout of maskline beside this one, turn by turn.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      batches: { type: "string", default: "10,100,1000,5000" },
      duplicates: { type: "string", default: "0,5,50,100" },
      rounds: { type: "string", default: "5" },
      rows: { type: "string", default: "20000" },
      against: { type: "string" },
      /** With what a lane notes before each load, beside it. */
      intake: { type: "boolean", default: false },
      /** As files are loaded: by the place in a stream, without receipts. */
      advance: { type: "boolean", default: false },
    },
  });
  const server = await startPostgres();
  const sides: Side[] = [];
  try {
    for (const folder of [...(values.against === undefined ? [] : [values.against]), "."]) {
      sides.push(await openSide(server, folder, sides.length, values.intake ? 2 : 1));
    }
    const cells = numbers(values.batches).flatMap((rows) =>
      numbers(values.duplicates).map((percent): Cell => ({ rows, percent, spent: sides.map(() => []) })),
    );
    say(`PostgreSQL ${server.version}, its own settings; seven columns, no key; medians of ${values.rounds} rounds\n`);
    for (let round = -1; round < Number(values.rounds); round += 1) {
      for (const { rows, percent, spent } of cells) {
        const count = Math.ceil(Math.min(Number(values.rows), rows * mostBatches) / rows);
        for (const [index, side] of sides.entries()) {
          const each = await timed(side, count, () => makeBatch(side, rows, percent / 100, values.advance), values.intake);
          if (round >= 0) spent[index]?.push(each);
        }
      }
    }
    for (const side of sides) await prove(side);
    say(asTable(cells, sides));
  } finally {
    await Promise.all(sides.map(({ database }) => database.close()));
    await server.stop();
  }
}

/** Of small batches in one sample. */
const mostBatches = 200;

interface Cell {
  readonly rows: number;
  readonly percent: number;
  /** Of each side, by round. */
  readonly spent: readonly Spent[][];
}

/** Microseconds a row. */
interface Spent {
  readonly client: number;
  readonly backend: number;
  readonly wall: number;
}

/** A checkout of maskline, with a table, a pipeline and connections of its own. */
interface Side {
  readonly folder: string;
  readonly table: string;
  readonly database: DatabaseModule.Database;
  readonly sink: Sink;
  /** The processes of its connections. */
  readonly sessions: readonly number[];
  readonly run: string;
  /** Messages that have been loaded, to be delivered again. */
  known: readonly Delivery[];
  loaded: number;
  received: number;
  sequence: number;
  place: number;
}

async function openSide(server: PostgresServer, folder: string, index: number, connections: number): Promise<Side> {
  const load = async <Module>(file: string): Promise<Module> =>
    (await import(path.resolve(folder, "src/postgres", file))) as Module;
  const { Database } = await load<typeof DatabaseModule>("database.ts");
  const { FailureBudget } = await load<typeof FailureBudgetModule>("failure-budget.ts");
  const { migrate } = await load<typeof MigrateModule>("migrate.ts");
  const { registerPipeline } = await load<typeof PipelinesModule>("pipelines.ts");
  const { PostgresSink } = await load<typeof SinkModule>("sink.ts");
  const { checkTarget } = await load<typeof TargetModule>("target.ts");
  const database = new Database({ url: server.url, tls: null, caFile: null, connections, connectTimeoutMs: 10_000 });
  const [schema, table] = [`maskline_${index}`, `bench_logins_${index}`];
  await database.query(
    "preparing",
    `CREATE TABLE public.${table} (user_id varchar(128) NOT NULL, device_type varchar(32) NOT NULL, masked_ip varchar(256) NOT NULL,
       masked_device_id varchar(256) NOT NULL, locale varchar(32), app_version integer, create_date date)`,
  );
  await migrate(database, schema);
  const columns = await checkTarget(database, { schema: "public", table }, demands);
  const pipeline = await registerPipeline(database, schema, "bench");
  const sink = new PostgresSink(database, {
    schema,
    table: { schema: "public", table },
    columns,
    pipeline,
    budget: new FailureBudget(database, schema, pipeline, { refused: 100, share: 0.05, window: 10_000 }),
    contractHash: "bench",
    describe: () => [],
    recheckTarget: async () => {},
  });
  // asked side by side, so that each connection answers once
  const asked = Array.from({ length: connections }, () =>
    database.query<{ pid: number }>("looking", "SELECT pg_backend_pid() AS pid, pg_sleep(0.1)"),
  );
  const sessions = (await Promise.all(asked)).flatMap((rows) => rows.map(({ pid }) => pid));
  const counts = { loaded: 0, received: 0, sequence: 0, place: 0 };
  return { folder, table, database, sink, sessions, run: randomUUID(), known: [], ...counts };
}

const demands: readonly TargetModule.ColumnDemand[] = [
  { name: "user_id", form: "text", longest: 128, mayBeNull: false },
  { name: "device_type", form: "text", longest: 32, mayBeNull: false },
  { name: "masked_ip", form: "token", longest: 64, mayBeNull: false },
  { name: "masked_device_id", form: "token", longest: 128, mayBeNull: false },
  { name: "locale", form: "text", longest: 32, mayBeNull: true },
  { name: "app_version", form: "integer", longest: null, mayBeNull: true },
  { name: "create_date", form: "date", longest: null, mayBeNull: true },
];

let clockMs = Date.UTC(2026, 10, 20);

/** @param share of messages that have been loaded before */
function makeBatch(side: Side, rows: number, share: number, advances: boolean): Batch {
  const duplicates = side.known.length === 0 ? 0 : Math.round(rows * share);
  const deliveries = Array.from({ length: rows }, (_, row): Delivery => {
    const again = row < duplicates ? side.known[row % side.known.length] : undefined;
    return again === undefined ? makeDelivery() : { ...again };
  });
  if (duplicates < rows) side.known = [...deliveries.slice(duplicates), ...side.known].slice(0, rows);
  side.received += rows;
  side.sequence += 1;
  const position = { run: side.run, lane: 0, sequence: side.sequence, received: side.received };
  const advance = { stream: "bench", from: side.place, to: side.place + rows };
  if (advances) side.place += rows;
  side.loaded += rows - (advances ? 0 : duplicates);
  return {
    rows: { deliveries, ids: deliveries.map(({ id }) => id), columns: makeColumns(deliveries) },
    refused: [],
    position,
    ...(advances ? { advance } : {}),
    seal: async () => Buffer.alloc(0),
  };
}

function makeDelivery(): Delivery {
  clockMs += 3;
  const id = randomUUID();
  return { id, body: "{}", sentAtMs: clockMs, receivedAtMs: clockMs, attempt: 1, groupId: null, attributes: {}, handle: id };
}

function makeColumns(deliveries: readonly Delivery[]): readonly TextColumn[] {
  return [
    deliveries.map(({ id }) => id),
    deliveries.map((_, row) => (row % 2 === 0 ? "ios" : "android")),
    deliveries.map(() => randomBytes(37).toString("base64url")),
    deliveries.map(() => randomBytes(57).toString("base64url")),
    deliveries.map((_, row) => (row % 3 === 0 ? null : "FR")),
    deliveries.map((_, row) => String(row % 9)),
    deliveries.map(() => "2026-11-20"),
  ].map((values) => TextColumn.of(values));
}

/** What is made in advance is little: a large live heap would cost more than the load. */
const rowsAtOnce = 2_000;
const collect = collector();

async function timed({ sink, sessions }: Side, count: number, make: () => Batch, notes: boolean): Promise<Spent> {
  const sum = { client: 0, backend: 0, wall: 0 };
  let rows = 0;
  for (let done = 0; done < count;) {
    const batches: Batch[] = [];
    for (let made = 0; done < count && made < rowsAtOnce; done += 1) {
      const batch = make();
      made += batch.rows.deliveries.length;
      batches.push(batch);
    }
    // what was made for it is not its own garbage
    collect();
    const [start, client, backend] = [performance.now(), process.cpuUsage(), backendUs(sessions)];
    let settled = 0;
    for (const batch of batches) {
      const noted = notes ? sink.noteReceived(batch.position) : null;
      settled += (await sink.load(batch)).length;
      await noted;
    }
    const { user, system } = process.cpuUsage(client);
    sum.wall += (performance.now() - start) * 1_000;
    sum.client += user + system;
    sum.backend += backendUs(sessions) - backend;
    assert.equal(
      settled,
      batches.reduce((all, batch) => all + batch.rows.deliveries.length, 0),
    );
    rows += settled;
  }
  return { client: sum.client / rows, backend: sum.backend / rows, wall: sum.wall / rows };
}

/** The kernel's count of time on a CPU; there is none where there is no /proc. */
function backendUs(sessions: readonly number[]): number {
  const counts = sessions.map((pid) => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]));
  return counts.reduce((sum, count) => sum + count, 0) / 1_000;
}

async function prove({ database, table, loaded, folder }: Side): Promise<void> {
  const sql = `SELECT count(*)::int AS rows, count(DISTINCT user_id)::int AS messages FROM public.${table}`;
  const [found] = await database.query<{ rows: number; messages: number }>("counting", sql);
  assert.deepEqual(found, { rows: loaded, messages: loaded }, folder);
}

function asTable(cells: readonly Cell[], sides: readonly Side[]): string {
  const head = ["batch", "again", ...sides.flatMap(() => ["client", "backend", "wall"])];
  const lines = cells.map(({ rows, percent, spent }) => [
    String(rows),
    `${percent} %`,
    ...spent.flatMap((each) =>
      (["client", "backend", "wall"] as const).map((part) => {
        const all = each.map((one) => one[part]);
        return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)})`;
      }),
    ),
  ]);
  const names = ["", "", ...sides.flatMap(({ folder }) => [folder === "." ? "here" : "there", "", ""])];
  return `microseconds a row, medians (least)\n${[names, head, ...lines].map((line) => line.map((cell) => cell.padStart(16)).join("")).join("\n")}`;
}

function numbers(list: string): readonly number[] {
  return list.split(",").map(Number);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
