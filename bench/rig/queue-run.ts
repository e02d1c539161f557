import { Backlog, type BacklogPlan } from "../load-queue/backlog.ts";
import type { Counted } from "../load-queue/process.ts";
import { inShort, type Program, startConsumer } from "./consumer.ts";
import type { Place } from "./place.ts";
import { useOfTrees } from "./process-tree.ts";
import { tableName, tableSql } from "./target.ts";
import { type Leaves, verify } from "./verify.ts";

/** One drain of a backlog by one consumer. */
export interface QueueRunPlan {
  readonly backlog: BacklogPlan;
  /** Messages that are deleted before the measurement begins. */
  readonly warmUp: number;
  readonly latencyMs: number;
  readonly program: Program;
  readonly leaves: Leaves;
  /** The table has the CHECK that refused bodies break. */
  readonly withCheck: boolean;
  /** Receivers side by side, for consumers with such an option. */
  readonly pollers: number;
}

/** What a run cost, between its two marks where nothing else is said. */
export interface QueueFigures {
  readonly messages: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  /** Microseconds of CPU a message, by process tree. */
  readonly consumerMicros: number;
  readonly databaseMicros: number;
  readonly queueMicros: number;
  /** Since the start. */
  readonly peakMegabytes: number;
  /** CPU from the start of the process until its first receive, in ms. */
  readonly startUpMs: number;
}

/** A consumer that has not made any progress for so long has failed. */
const patienceMs = 60_000;

/**
 * Lets a consumer drain a backlog into a fresh database, measures it between two marks, and throws where what it leaves behind is not what
 * was sent.
 */
export async function runQueue(place: Place, plan: QueueRunPlan): Promise<QueueFigures> {
  const backlog = new Backlog(plan.backlog, Date.now());
  const expected = backlog.expected();
  const database = await place.freshDatabase(tableSql(plan.backlog.kind, plan.withCheck));
  const server = await place.queueServer(plan.latencyMs);
  const queue = await server.open(plan.backlog, plan.warmUp);
  try {
    const consumer = startConsumer(plan.program, place.folder, {
      BENCH_QUEUE_URL: queue.url,
      BENCH_DATABASE_URL: database.url,
      BENCH_TABLE: tableName,
      BENCH_KEYRING: place.keyRing,
      BENCH_POLLERS: String(plan.pollers),
    });
    const trees = [consumer.processId, place.postgres.processId, server.processId];
    const watched = watch(consumer.ended, () => queue.count());
    try {
      const [startUp] = await watched.orFailed(queue.firstReceive.then(() => useOfTrees(trees)));
      const first = await watched.orFailed(queue.mark.then((counted) => ({ counted, use: useOfTrees(trees) })));
      const last = await watched.orFailed(queue.drained.then((counted) => ({ counted, use: useOfTrees(trees) })));
      const messages = progress(last.counted) - progress(first.counted);
      const seconds = (last.counted.atMs - first.counted.atMs) / 1_000;
      const micros = (tree: number): number =>
        (((last.use[tree]?.cpuSeconds ?? 0) - (first.use[tree]?.cpuSeconds ?? 0)) / messages) * 1_000_000;
      const figures = {
        messages,
        seconds,
        messagesPerSecond: messages / seconds,
        consumerMicros: micros(0),
        databaseMicros: micros(1),
        queueMicros: micros(2),
        peakMegabytes: (last.use[0]?.peakBytes ?? 0) / 1_048_576,
        startUpMs: (startUp?.cpuSeconds ?? 0) * 1_000,
      };
      watched.end();
      const ended = await consumer.stop();
      if (ended.code !== 0) throw new Error(`the consumer ended badly: ${inShort(ended)}`);
      await verify(database, backlog, expected, plan.leaves, place.keyRing);
      return figures;
    } finally {
      watched.end();
      await consumer.stop();
    }
  } finally {
    queue.close();
    await database.drop();
  }
}

/** Half of what a message costs comes before it is deleted: those in flight at a mark count for a half. */
function progress({ received, deleted }: Counted): number {
  return (received + deleted) / 2;
}

interface Watched {
  /** What is waited for, or a failure where the consumer ends or stands still before. */
  orFailed<T>(awaited: Promise<T>): Promise<T>;
  end(): void;
}

function watch(ended: ReturnType<typeof startConsumer>["ended"], count: () => Promise<Counted>): Watched {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let isOver = false;
  void ended.then((how) => {
    if (!isOver) failed.reject(new Error(`the consumer ended before the queue was empty: ${inShort(how)}`));
  });
  let least = "";
  const looking = setInterval(() => {
    void count().then(({ received, deleted }) => {
      const now = `${received} received, ${deleted} deleted`;
      if (now === least && !isOver) failed.reject(new Error(`the consumer stands still: ${now}`));
      least = now;
    });
  }, patienceMs);
  return {
    orFailed: (awaited) => Promise.race([awaited, failed.promise]),
    end: () => {
      isOver = true;
      clearInterval(looking);
    },
  };
}
