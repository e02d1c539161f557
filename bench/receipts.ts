import { randomBytes } from "node:crypto";

import pg from "pg";

import { startPostgres } from "../src/demo/postgres-server.ts";
import { connectionConfig } from "../src/postgres/connection.ts";
import { Database } from "../src/postgres/database.ts";
import { findMessage } from "../src/postgres/ledger.ts";
import { migrate } from "../src/postgres/migrate.ts";
import { prune } from "../src/postgres/prune.ts";
import { type ReceiptKey, receiptInsert } from "../src/postgres/receipts.ts";

const smallRows = 400_000;
const fullRows = 4_000_000;
const batchRows = 1_000;
/** The two keys take turns: what slows the machine down for a while slows both. */
const turnBatches = 50;
const pipeline = 1;
const dayMs = 86_400_000;
/** Receipts are of these days: the first two are older than is kept, and are pruned at the end. */
const days = 17;

interface Tally {
  ms: number;
  walBytes: number;
  /** Of the last tenth, where the tables are largest. */
  lastMs: number;
  lastRows: number;
}

/**
 * Receipts under both keys, side by side: the same batches of random ids, in the order of their sent times with some jitter, each batch
 * in a transaction as a load has it. Rows alone: a load has more to do, and what is won here is a part of it.
 */
async function main(rows: number): Promise<void> {
  const server = await startPostgres();
  try {
    const database = new Database({ url: server.url, tls: null, caFile: null, connections: 2, connectTimeoutMs: 10_000 });
    const client = new pg.Client(
      connectionConfig({ url: server.url, tls: null, caFile: null, connections: 1, connectTimeoutMs: 10_000 }).config,
    );
    await client.connect();
    await migrate(database, "maskline");
    await client.query("INSERT INTO maskline.pipeline (name) VALUES ('bench')");
    say(`PostgreSQL ${server.version}, its own settings; ${rows.toLocaleString("en-US")} receipts a key, batches of ${batchRows}`);
    await compare(client, database, rows);
    await database.close();
    await client.end();
  } finally {
    await server.stop();
  }
}

async function compare(client: pg.Client, database: Database, rows: number): Promise<void> {
  const tallies: Record<ReceiptKey, Tally> = { sent: noTally(), id: noTally() };
  const startMs = Date.now() - days * dayMs;
  let sought = "";
  for (let done = 0; done < rows;) {
    const batches = Array.from({ length: Math.min(turnBatches, (rows - done) / batchRows) }, (_, index) =>
      makeBatch(startMs, days * dayMs, done + index * batchRows, rows),
    );
    done += batches.length * batchRows;
    sought = batches.at(-1)?.ids[0] ?? sought;
    const isLast = done > rows * 0.9;
    // who goes first changes, too
    for (const key of Math.floor(done / batchRows / turnBatches) % 2 === 0
      ? (["sent", "id"] as const)
      : (["id", "sent"] as const)) {
      const before = await walPosition(client);
      const startedAt = performance.now();
      for (const { ids, sentAt } of batches) await insert(database, key, ids, sentAt);
      const ms = performance.now() - startedAt;
      const tally = tallies[key];
      tally.ms += ms;
      tally.walBytes += (await walPosition(client)) - before;
      if (isLast) tally.lastMs += ms;
      if (isLast) tally.lastRows += batches.length * batchRows;
    }
  }
  show(rows, tallies, await sizes(client));
  await lookUp(database, sought);
  await pruneAll(database);
}

function makeBatch(startMs: number, spanMs: number, from: number, rows: number): { ids: string[]; sentAt: string[] } {
  const places = Array.from({ length: batchRows }, (_, index) => index);
  return {
    ids: places.map(() => uuid()),
    // a queue hands out roughly in order: within a minute
    sentAt: places.map((index) =>
      new Date(Math.round(startMs + ((from + index) / rows) * spanMs - Math.random() * 60_000)).toISOString(),
    ),
  };
}

function uuid(): string {
  return randomBytes(16)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

async function insert(database: Database, key: ReceiptKey, ids: readonly string[], sentAt: readonly string[]): Promise<void> {
  const arriving = "SELECT sent_at, id, 'loaded' AS outcome FROM unnest($2::timestamptz[], $3::text[]) AS arriving (sent_at, id)";
  const inserted = await database.query("inserting", receiptInsert("maskline", key, arriving), [pipeline, sentAt, ids]);
  if (inserted.length !== ids.length) throw new RangeError("a receipt was there already");
}

async function walPosition(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes");
  return Number(rows[0]?.bytes);
}

async function sizes(client: pg.Client): Promise<Record<ReceiptKey, number>> {
  const { rows } = await client.query<{ sent: string; id: string }>(
    "SELECT pg_total_relation_size('maskline.receipt') AS sent, pg_total_relation_size('maskline.identity_receipt') AS id",
  );
  return { sent: Number(rows[0]?.sent), id: Number(rows[0]?.id) };
}

function show(rows: number, { sent, id }: Record<ReceiptKey, Tally>, size: Record<ReceiptKey, number>): void {
  const rate = (tally: Tally): number => (rows / tally.ms) * 1_000;
  const lastRate = (tally: Tally): number => (tally.lastRows / tally.lastMs) * 1_000;
  say("key                          rows/s   rows/s, last tenth   WAL bytes/row   MB on disk");
  for (const [name, tally, bytes] of [
    ["(pipeline, sent_at, id)", sent, size.sent],
    ["(pipeline, id)", id, size.id],
  ] as const) {
    const figures = [
      whole(rate(tally)).padStart(11),
      whole(lastRate(tally)).padStart(21),
      whole(tally.walBytes / rows).padStart(16),
      whole(bytes / 1e6).padStart(13),
    ];
    say(`${name.padEnd(24)}${figures.join("")}`);
  }
  const ratios = [rate(sent) / rate(id), lastRate(sent) / lastRate(id), sent.walBytes / id.walBytes, size.sent / size.id];
  const placed = ratios.map((ratio, index) => `${ratio.toFixed(2)} x`.padStart([11, 21, 16, 13][index] ?? 0));
  say(`${"the first by the second".padEnd(24)}${placed.join("")}`);
}

/** A message by its id alone, and by the day it was sent. */
async function lookUp(database: Database, id: string): Promise<void> {
  const time = async (after: Date | null): Promise<number> => {
    const startedAt = performance.now();
    if ((await findMessage(database, "maskline", id, after)).length === 0) throw new RangeError("not found");
    return performance.now() - startedAt;
  };
  await time(null);
  say(
    `\none message by its id: ${whole(await time(null))} ms; among those of the last day: ${whole(await time(new Date(Date.now() - 2 * dayMs)))} ms`,
  );
}

async function pruneAll(database: Database): Promise<void> {
  const startedAt = performance.now();
  const { receipts } = await prune(database, { schema: "maskline", pipeline, days: 15 }, new AbortController().signal);
  const ms = performance.now() - startedAt;
  say(`pruned ${receipts.toLocaleString("en-US")} receipts in ${(ms / 1_000).toFixed(1)} s`);
}

function noTally(): Tally {
  return { ms: 0, walBytes: 0, lastMs: 0, lastRows: 0 };
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main(process.argv.includes("--full") ? fullRows : smallRows);
