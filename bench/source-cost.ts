import { systemClock } from "../src/app/system-clock.ts";
import { runPipeline } from "../src/pipeline/engine.ts";
import type { Batch, Delivery, Settlement, Sink } from "../src/pipeline/ports.ts";
import { readMessage } from "../src/sources/sqs/message.ts";
import type { Queue } from "../src/sources/sqs/queue.ts";
import { SqsSource } from "../src/sources/sqs/source.ts";

/**
 * What one message costs between the queue's calls and the sink: leases, arrivals, batches, settlements, deletes. The queue is an array
 * in this process, whose answers come a turn of the event loop later, and the sink takes everything at once; the same calls made by a
 * bare loop are the floor, which is taken off.
 *
 *     node bench/source-cost.ts [messages] [rounds]
 */
const messages = Number(process.argv[2] ?? 400_000);
const rounds = Number(process.argv[3] ?? 5);
const parallel = 16;

/** A handle of SQS is some 400 characters long. */
const handleRest = "x".repeat(376);

type Message = Parameters<typeof readMessage>[0];

/** Answers are parsed from text each time, as those of a server are; all that wait are answered together. */
class QueueHere {
  #left: number;
  #next = 0;
  #due: (() => void)[] = [];
  readonly isFifo = false;

  constructor(count: number) {
    this.#left = count;
  }

  get left(): number {
    return this.#left;
  }

  async receive({ limit, waitSeconds }: { limit: number; waitSeconds: number }, signal?: AbortSignal): Promise<readonly Message[]> {
    await this.#turn();
    if (this.#left === 0 && waitSeconds > 0) await systemClock.sleep(50, signal ?? new AbortController().signal);
    const count = Math.min(limit, this.#left);
    this.#left -= count;
    return JSON.parse(this.#answer(count)) as readonly Message[];
  }

  async deleteBatch(): Promise<readonly never[]> {
    await this.#turn();
    return [];
  }

  async changeVisibility(): Promise<readonly never[]> {
    await this.#turn();
    return [];
  }

  close(): void {}

  #answer(count: number): string {
    const texts: string[] = [];
    for (let place = 0; place < count; place += 1) {
      this.#next += 1;
      const id = `${String(this.#next).padStart(8, "0")}-5b1d-4c1c-9a3c-0f6b5d8e7a21`;
      const body = `{\\"user_id\\":\\"${id}\\",\\"device_type\\":\\"android\\",\\"ip\\":\\"199.172.111.135\\",\\"device_id\\":\\"593-47-5928\\",\\"locale\\":\\"RU\\",\\"app_version\\":\\"2.3.0\\"}`;
      texts.push(
        `{"MessageId":"${id}","ReceiptHandle":"${id}${handleRest}","Body":"${body}","Attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1700000000000"}}`,
      );
    }
    return `[${texts.join(",")}]`;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#due.push(resolve);
      if (this.#due.length > 1) return;
      setImmediate(() => {
        const due = this.#due;
        this.#due = [];
        for (const answer of due) answer();
      });
    });
  }
}

class SinkHere implements Pick<Sink, "load" | "noteReceived" | "closeLane" | "probe" | "abandon" | "close"> {
  async load({ rows }: Batch): Promise<readonly Settlement[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return rows.deliveries.map((delivery) => ({ delivery, outcome: "loaded" as const }));
  }
  async noteReceived(): Promise<void> {}
  async closeLane(): Promise<void> {}
  async probe(): Promise<void> {}
  async abandon(): Promise<void> {}
  async close(): Promise<void> {}
}

async function floor(count: number): Promise<void> {
  const queue = new QueueHere(count);
  const loop = async (): Promise<void> => {
    while (queue.left > 0) {
      const answer = await queue.receive({ limit: 10, waitSeconds: 0 });
      const deliveries = answer.map((message) => readMessage(message, 0));
      if (deliveries.length > 0) await queue.deleteBatch();
    }
  };
  await Promise.all(Array.from({ length: parallel }, loop));
}

async function pipeline(count: number): Promise<void> {
  const source = new SqsSource(
    new QueueHere(count) as unknown as Queue,
    {
      facts: { visibilityTimeoutMs: 30_000, maximumMessageBytes: 1_048_576 },
      parallelCalls: parallel,
      waitSeconds: 20,
      batchBytes: 8_388_608,
      heldBytes: 33_554_432,
      holdMs: 120_000,
      lingerMs: 500,
      withAttributes: false,
      drain: null,
    },
    systemClock,
    () => {},
  );
  const totals = await runPipeline(
    {
      run: "bench",
      source,
      sink: new SinkHere(),
      prepare: (deliveries: readonly Delivery[]) => ({ rows: { deliveries, ids: [], columns: [] }, refused: [] }),
      openSeal: () => async () => new Uint8Array(),
      batchRows: 1_000,
      holdMs: 120_000,
      holdGroups: false,
      lanes: 2,
      patienceMs: 10_000,
      maxMessages: count,
      clock: systemClock,
      report: () => {},
    },
    new AbortController().signal,
  );
  await source.close();
  if (totals.loaded !== count) throw new Error(`${totals.loaded} of ${count} loaded`);
}

async function microseconds(work: (count: number) => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work(messages);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / messages;
}

const figures: { floor: number; whole: number }[] = [];
for (let round = 0; round <= rounds; round += 1) {
  const figure = { floor: await microseconds(floor), whole: await microseconds(pipeline) };
  // the first is warm-up
  if (round > 0) figures.push(figure);
}
// what others do on the machine meanwhile only adds
const least = (values: readonly number[]): number => Math.min(...values);
const floors = least(figures.map((figure) => figure.floor));
const wholes = least(figures.map((figure) => figure.whole));
process.stdout.write(
  `us of CPU a message: floor ${floors.toFixed(2)}, with the source and lanes ${wholes.toFixed(2)}, so they cost ${(wholes - floors).toFixed(2)}\n`,
);
