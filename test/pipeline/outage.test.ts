import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { type ErrorCode, MasklineError } from "../../src/errors.ts";
import { runPipeline, type RunTotals } from "../../src/pipeline/engine.ts";
import type { Delivery, Settlement, Source } from "../../src/pipeline/ports.ts";
import type { PipelineEvent } from "../../src/pipeline/report.ts";
import { rowsOf } from "../harness/login-table.ts";
import { MemorySink } from "../harness/memory-sink.ts";
import { MemorySource } from "../harness/memory-source.ts";
import { SteppedClock } from "../harness/stepped-clock.ts";

const holdMs = 120_000;
const patienceMs = 20_000;

/** A sink that can be away. What it is asked meanwhile is counted; a load may be durable although its answer is lost. */
class AbsentSink extends MemorySink {
  away: ErrorCode | null = null;
  /** The next load is written, and its answer lost. */
  losesAnswer = false;
  loads = 0;
  probes = 0;

  override async load(...args: Parameters<MemorySink["load"]>): Promise<readonly Settlement[]> {
    this.loads += 1;
    this.#refuse();
    const settlements = await super.load(...args);
    if (!this.losesAnswer) return settlements;
    this.losesAnswer = false;
    throw new MasklineError("database_unreachable", "the answer was lost");
  }

  override async probe(): Promise<void> {
    this.probes += 1;
    this.#refuse();
  }

  override async abandon(...args: Parameters<MemorySink["abandon"]>): Promise<void> {
    this.#refuse();
    return super.abandon(...args);
  }

  #refuse(): void {
    if (this.away !== null) throw new MasklineError(this.away, "as asked");
  }
}

/** Counts the calls that receive, and keeps what was settled as returned. */
function watched(source: MemorySource): Source & { receives: number; readonly returned: Settlement[] } {
  const watching = {
    receives: 0,
    returned: [] as Settlement[],
    receive: (limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> => {
      watching.receives += 1;
      return source.receive(limit, signal);
    },
    settle: (settlements: readonly Settlement[]): Promise<void> => {
      watching.returned.push(...settlements.filter(({ outcome }) => outcome === "returned"));
      return source.settle(settlements);
    },
    close: () => source.close(),
  };
  return watching;
}

interface Stage {
  readonly clock: SteppedClock;
  readonly queue: MemorySource;
  readonly source: ReturnType<typeof watched>;
  readonly sink: AbsentSink;
  readonly events: PipelineEvent[];
  readonly stopping: AbortController;
  run(lanes?: number): Promise<RunTotals>;
}

function stage(messages: number): Stage {
  const clock = new SteppedClock();
  const queue = new MemorySource({ endsWhenEmpty: true, elapsed: () => clock.elapsed() });
  queue.send(Array.from({ length: messages }, (_, index) => `row ${index}`));
  const source = watched(queue);
  const sink = new AbsentSink();
  const events: PipelineEvent[] = [];
  const stopping = new AbortController();
  const run = (lanes = 1): Promise<RunTotals> =>
    runPipeline(
      {
        run: "6a1f7c1e-0000-4000-8000-000000000001",
        source,
        sink,
        prepare: (deliveries) => ({ rows: rowsOf(deliveries, [deliveries.map(({ body }) => body)]), refused: [] }),
        openSeal: () => async () => Buffer.alloc(1),
        batchRows: 10,
        holdMs,
        holdGroups: false,
        patienceMs,
        lanes,
        maxMessages: Infinity,
        clock,
        report: (event) => events.push(event),
      },
      stopping.signal,
    );
  return { clock, queue, source, sink, events, stopping, run };
}

/** Lets time pass in steps until the work is done, and says what came of it. */
async function finish(clock: SteppedClock, running: Promise<RunTotals>): Promise<RunTotals> {
  let ended = false;
  const watching = running.finally(() => (ended = true)).catch(() => {});
  for (let step = 0; !ended && step < 1_000; step += 1) await clock.pass(500);
  assert.ok(ended, "the run came to its end");
  await watching;
  return running;
}

suite("an outage of the sink", () => {
  test("holds what was received, receives nothing, and goes on where it was", async () => {
    const { clock, queue, source, sink, events, run } = stage(50);
    sink.away = "database_unreachable";
    const running = run(2);
    await clock.pass(60_000);
    assert.equal(source.receives, 2, "each lane has its one batch");
    assert.equal(queue.visible, 30);
    assert.ok(sink.loads <= 4 && sink.probes > 10, "the probes find out, not the loads");
    sink.away = null;
    const totals = await finish(clock, running);
    assert.deepEqual([totals.loaded, totals.returned, source.returned.length], [50, 0, 0]);
    assert.equal(sink.difference(), 0);
    const kinds = events.map(({ kind }) => kind).filter((kind) => kind === "outage" || kind === "recovered");
    assert.deepEqual(kinds, ["outage", "recovered"], "told once");
  });

  test("is over for the lanes within seconds, however long it was", async () => {
    const { clock, sink, events, run } = stage(10);
    sink.away = "database_unreachable";
    const running = run();
    await clock.pass(100_000);
    sink.away = null;
    await clock.pass(5_000);
    assert.ok(events.some(({ kind }) => kind === "recovered"));
    assert.equal((await finish(clock, running)).loaded, 10);
  });

  test("that comes and goes costs no receive while messages can be held", async () => {
    const { clock, source, sink, run } = stage(40);
    const load = sink.load.bind(sink);
    let refusals = 30;
    // the probe gets through, and the next load does not
    sink.load = async (...args) => {
      if (refusals-- > 0) throw new MasklineError("database_unreachable", "as asked");
      return load(...args);
    };
    const totals = await finish(clock, run(4));
    assert.deepEqual([totals.loaded, totals.returned, source.returned.length], [40, 0, 0]);
    assert.equal(sink.difference(), 0);
  });

  test("that lasts longer than messages are held gives them back once, and receives none until it is over", async () => {
    const { clock, queue, source, sink, run } = stage(30);
    sink.away = "database_unreachable";
    const running = run();
    await clock.pass(holdMs * 5);
    assert.equal(source.returned.length, 10, "one receive is spent, however long it takes");
    assert.ok(source.returned.every(({ again }) => again === "later"));
    assert.equal(queue.remaining, 30);
    assert.equal(source.receives, 1);
    sink.away = null;
    const totals = await finish(clock, running);
    assert.deepEqual([totals.received, totals.loaded, totals.returned], [40, 30, 10]);
    assert.equal(sink.difference(), 0, "what was given up is written down afterwards");
    assert.equal(sink.closed.length, 1);
  });

  test("in which the answer to a load is lost: it is looked up, and counted once", async () => {
    const { clock, sink, run } = stage(20);
    sink.losesAnswer = true;
    const totals = await finish(clock, run());
    assert.deepEqual([totals.loaded, totals.duplicate, totals.returned], [20, 0, 0]);
    assert.equal(sink.rows.length, 20);
    assert.equal(sink.difference(), 0);
  });

  test("in which a durable load is given up: its messages come again as duplicates, and the account closes", async () => {
    const { clock, sink, run } = stage(10);
    sink.losesAnswer = true;
    const running = run();
    await clock.pass(0);
    sink.away = "database_unreachable";
    await clock.pass(holdMs + 10_000);
    sink.away = null;
    const totals = await finish(clock, running);
    assert.deepEqual([totals.returned, totals.duplicate], [10, 10]);
    assert.equal(sink.rows.length, 10);
    assert.equal(sink.difference(), 0);
  });

  test("a run that ends in it gives back what it holds at once, and leaves its account open", async () => {
    const { clock, queue, source, sink, stopping, run } = stage(30);
    sink.away = "database_unreachable";
    const running = run(2);
    await clock.pass(3_000);
    stopping.abort();
    const totals = await finish(clock, running);
    assert.deepEqual([totals.received, totals.returned], [20, 20]);
    assert.ok(source.returned.every(({ again }) => again === "now"));
    assert.equal(queue.visible, 30);
    assert.equal(sink.closed.length, 0, "nothing is balanced by force");
  });

  test("a database that stays busy is an outage too: the lock of another is waited out", async () => {
    const { clock, source, sink, run } = stage(10);
    sink.away = "database_busy";
    const running = run();
    await clock.pass(60_000);
    assert.equal(source.receives, 1);
    sink.away = null;
    assert.equal((await finish(clock, running)).loaded, 10);
  });

  test("a refusal for good ends the run, also when it is met after an outage", async () => {
    const { clock, queue, sink, run } = stage(10);
    sink.away = "database_unreachable";
    const running = run();
    const failing = assert.rejects(running, { code: "database_denied" });
    await clock.pass(3_000);
    sink.away = "database_denied";
    await clock.pass(10_000);
    await failing;
    assert.equal(queue.visible, 10);
  });
});

suite("an outage of the source", () => {
  test("is waited out, however long, and told once", async () => {
    const { clock, queue, events, run } = stage(10);
    queue.failNext(50, new MasklineError("queue_unreachable", "as asked"));
    const running = run();
    await clock.pass(1_000_000);
    assert.equal((await finish(clock, running)).loaded, 10);
    const told = events.filter(({ kind }) => kind === "outage" || kind === "recovered");
    assert.deepEqual(
      told.map((event) => ("of" in event ? [event.kind, event.of] : [])),
      [
        ["outage", "source"],
        ["recovered", "source"],
      ],
    );
  });

  test("does not keep a run from its end", async () => {
    const { clock, queue, stopping, run } = stage(10);
    queue.failNext(Infinity, new MasklineError("queue_expired", "as asked"));
    const running = run();
    await clock.pass(10_000);
    stopping.abort();
    assert.equal((await finish(clock, running)).received, 0);
  });
});

suite("a load that never answers", () => {
  test("is given up when patience ends, and its messages go back", async () => {
    const { clock, queue, sink, stopping, run } = stage(10);
    sink.load = (_batch, halt) =>
      new Promise((_, reject) => halt?.addEventListener("abort", () => reject(new MasklineError("database_unreachable", "cut"))));
    const running = run();
    await clock.pass(1_000);
    stopping.abort();
    await clock.pass(patienceMs - 1);
    assert.equal(queue.visible, 0, "it has its time first");
    assert.equal((await finish(clock, running)).returned, 10);
    assert.equal(queue.visible, 10);
  });
});
