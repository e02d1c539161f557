import { setTimeout as pause } from "node:timers/promises";

import { plainBacklog } from "../load-queue/backlog.ts";
import type { Counted } from "../load-queue/process.ts";
import { startConsumer } from "../rig/consumer.ts";
import { useOfTrees } from "../rig/process-tree.ts";
import { maskline } from "../rig/programs.ts";
import { tableName, tableSql } from "../rig/target.ts";
import type { Figures, Workload, WorkloadOptions } from "../rig/workload.ts";

/** Whole long polls of 20 s, or the calls of a minute would be an accident. */
const watchedMs = { full: 60_000, quick: 20_000 } as const;
/** What a start leaves to be done. */
const settleMs = 3_000;

export const idle: Workload = {
  name: "idle",
  about: "what a consumer costs a minute while nothing comes",
  async open(options) {
    return [
      {
        contestants: [{ name: "maskline", label: "maskline run", measure: () => watchIdle(options) }],
        missing: [],
        rows: [
          {
            workload: "idle, calls to the queue a minute",
            against: "three long polls of 20 s",
            of: ["maskline"],
            ratio: (figures) => (figures?.["callsPerMinute"] ?? Number.NaN) / 3,
            better: "lower",
            goal: null,
            unit: "x",
          },
          {
            workload: "idle, ms of CPU a minute",
            against: "nothing",
            of: ["maskline"],
            ratio: (figures) => figures?.["cpuMsPerMinute"] ?? Number.NaN,
            better: "lower",
            goal: null,
            unit: "ms",
          },
        ],
        shown: [
          { figure: "callsPerMinute", title: "calls/min", digits: 1 },
          { figure: "transactionsPerMinute", title: "transactions/min", digits: 1 },
          { figure: "cpuMsPerMinute", title: "ms of CPU/min", digits: 0 },
          { figure: "databaseMsPerMinute", title: "database, ms/min", digits: 0 },
        ],
      },
    ];
  },
};

async function watchIdle({ place, quick, scale, say }: WorkloadOptions): Promise<Figures> {
  const forMs = (quick ? watchedMs.quick : watchedMs.full) * Math.min(1, scale);
  say(`maskline run: idle for ${Math.round(forMs / 1_000)} s`);
  const database = await place.freshDatabase(tableSql("login", false));
  const server = await place.queueServer(0);
  const queue = await server.open({ ...plainBacklog, messages: 0 }, 0);
  const consumer = startConsumer(await maskline(place, { kind: "login" }, "run"), place.folder, {
    BENCH_QUEUE_URL: queue.url,
    BENCH_DATABASE_URL: database.url,
    BENCH_TABLE: tableName,
    BENCH_KEYRING: place.keyRing,
  });
  try {
    await Promise.race([queue.firstReceive, consumer.ended]);
    await pause(settleMs);
    const look = async (): Promise<{ calls: number; transactions: number; cpu: number; database: number; atMs: number }> => {
      const [own, others] = useOfTrees([consumer.processId, place.postgres.processId]);
      return {
        calls: callsOf(await queue.count()),
        transactions: await transactions(database),
        cpu: own?.cpuSeconds ?? 0,
        database: others?.cpuSeconds ?? 0,
        atMs: performance.now(),
      };
    };
    const before = await look();
    await pause(forMs);
    const after = await look();
    const minutes = (after.atMs - before.atMs) / 60_000;
    const ended = await consumer.stop();
    if (ended.code !== 0) throw new Error(`the consumer ended badly: ${ended.stderr.slice(-300)}`);
    return {
      callsPerMinute: (after.calls - before.calls) / minutes,
      transactionsPerMinute: (after.transactions - before.transactions) / minutes,
      cpuMsPerMinute: ((after.cpu - before.cpu) * 1_000) / minutes,
      databaseMsPerMinute: ((after.database - before.database) * 1_000) / minutes,
    };
  } finally {
    await consumer.stop();
    queue.close();
    await database.drop();
  }
}

function callsOf({ receives, deletes, visibilityChanges }: Counted): number {
  return receives + deletes + visibilityChanges;
}

/** Of the consumer and, once in each look, of our own. */
async function transactions(database: { query<Row extends object>(sql: string): Promise<Row[]> }): Promise<number> {
  const [row] = await database.query<{ commits: number }>(
    "SELECT xact_commit::int AS commits FROM pg_stat_database WHERE datname = current_database()",
  );
  return row?.commits ?? 0;
}
