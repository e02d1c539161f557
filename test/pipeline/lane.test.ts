import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { MasklineError } from "../../src/errors.ts";
import type { Clock } from "../../src/pipeline/clock.ts";
import { type EngineOptions, runPipeline, type RunTotals } from "../../src/pipeline/engine.ts";
import type { Batch, Settlement, Sink } from "../../src/pipeline/ports.ts";
import type { Prepared } from "../../src/pipeline/prepare.ts";
import { sourceConformance } from "../conformance/source.ts";
import { rowsOf } from "../harness/login-table.ts";
import { MemorySink } from "../harness/memory-sink.ts";
import { MemorySource } from "../harness/memory-source.ts";
import { SteppedClock } from "../harness/stepped-clock.ts";

const neverStops = new AbortController().signal;
/** Time stands still and pauses cost none: what is tested does not depend on either. */
const stillClock: Clock = { now: () => 0, elapsed: () => 0, random: () => 0.5, sleep: async () => {} };

/** Bodies that say "bad" are refused, all others become one-column rows. */
const prepare: EngineOptions["prepare"] = (deliveries): Prepared => {
  const good = deliveries.filter(({ body }) => body !== "bad");
  const fault = { reason: "not_json", path: "", expected: "JSON", found: "text" } as const;
  return {
    rows: rowsOf(good, [good.map(({ body }) => body)]),
    refused: deliveries.filter(({ body }) => body === "bad").map((delivery) => ({ delivery, id: delivery.id, faults: [fault] })),
  };
};

function run(
  source: MemorySource,
  sink: Sink,
  options: Partial<EngineOptions> = {},
  stop: AbortSignal = neverStops,
): Promise<RunTotals> {
  return runPipeline(
    {
      run: "6a1f7c1e-0000-4000-8000-000000000001",
      source,
      sink,
      prepare,
      openSeal: () => async () => Buffer.alloc(1),
      batchRows: 10,
      holdMs: 60_000,
      holdGroups: false,
      patienceMs: 20_000,
      lanes: 2,
      maxMessages: Infinity,
      clock: stillClock,
      report: () => {},
      ...options,
    },
    stop,
  );
}

function bodies(count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index % 9 === 4 ? "bad" : `row ${index}`));
}

function failing(code: "database_busy" | "target_misfit", times: number): (batch: Batch) => void {
  let left = times;
  return () => {
    if (left-- > 0) throw new MasklineError(code, "as asked");
  };
}

sourceConformance(
  "the memory source of these tests",
  async () => {
    const source = new MemorySource();
    return {
      source,
      another: () => source,
      send: async (sent) => source.send(sent),
      handOutAgain: async () => {},
      remaining: async () => source.remaining,
      close: () => source.close(),
    };
  },
  {
    leases: "nothing in memory runs out",
    groups: "it has no groups",
    several: "it is its own queue",
  },
);

suite("the engine", () => {
  test("loads every message once, and its account closes", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    const sink = new MemorySink();
    source.send(bodies(95));
    const totals = await run(source, sink);
    assert.deepEqual({ ...totals, run: "" }, { run: "", received: 95, loaded: 84, duplicate: 0, quarantined: 11, returned: 0 });
    assert.equal(sink.rows.length, 84);
    assert.equal(source.remaining, 0);
    assert.equal(sink.difference(), 0);
    assert.ok(sink.closed.length >= 1 && sink.closed.length <= 2, "each lane that received something closes its account");
  });

  test("removes a message only after the load that holds its effect has ended", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    const sink = new MemorySink();
    source.send(bodies(40));
    await run(watchOrder(source, sink), sink);
    assert.equal(source.remaining, 0);
  });

  test("that check fails when messages are removed before they are loaded", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    const sink = new MemorySink();
    source.send(bodies(40));
    const hasty: Sink = {
      load: async (batch) => {
        const early = batch.rows.deliveries.map((delivery): Settlement => ({ delivery, outcome: "loaded" }));
        await watched.settle(early);
        return sink.load(batch);
      },
      abandon: (position, messages) => sink.abandon(position, messages),
      noteReceived: () => sink.noteReceived(),
      probe: () => sink.probe(),
      closeLane: (position) => sink.closeLane(position),
      close: () => sink.close(),
    };
    const watched = watchOrder(source, sink);
    await assert.rejects(run(watched, hasty), /before it was durable/);
  });

  test("a failing load returns its messages, deletes none, and ends the run with its error", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    const sink = new MemorySink(failing("target_misfit", Infinity));
    source.send(bodies(30));
    await assert.rejects(run(source, sink), (error) => error instanceof MasklineError && error.code === "target_misfit");
    assert.equal(source.remaining, 30);
    assert.equal(source.visible, 30, "given back at once");
    assert.equal(sink.difference(), 0, "what was returned is in the account too");
  });

  test("a busy database is asked again with the same batch", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    source.send(bodies(10));
    const totals = await run(source, new MemorySink(failing("database_busy", 2)), { lanes: 1 });
    assert.deepEqual([totals.loaded, totals.returned], [9, 0]);
  });

  test("stops in order: the batch in work is loaded and settled, nothing more is received", async () => {
    const stopping = new AbortController();
    const source = new MemorySource();
    const sink = new MemorySink(() => stopping.abort());
    source.send(bodies(100));
    const totals = await run(source, sink, { lanes: 1, clock: new SteppedClock() }, stopping.signal);
    assert.equal(totals.received, 10);
    assert.equal(source.remaining, 90);
    assert.equal(sink.difference(), 0);
    assert.equal(sink.closed.length, 1);
  });

  test("receives exactly as many as allowed, whatever the number of lanes", async () => {
    const source = new MemorySource();
    source.send(bodies(100));
    const totals = await run(source, new MemorySink(), { lanes: 3, maxMessages: 37 });
    assert.equal(totals.received, 37);
    assert.equal(source.remaining, 63);
  });

  test("a sink that forgets a delivery is found out: nothing is settled, the batch goes back", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    const sink = new MemorySink();
    source.send(bodies(10));
    const forgetful: Sink = {
      load: async (batch) => (await sink.load(batch)).slice(1),
      abandon: (position, messages) => sink.abandon(position, messages),
      noteReceived: () => sink.noteReceived(),
      probe: () => sink.probe(),
      closeLane: (position) => sink.closeLane(position),
      close: () => sink.close(),
    };
    await assert.rejects(run(source, forgetful, { lanes: 1 }), { code: "internal" });
    assert.equal(source.visible, 10);
  });

  test("counts a redelivery as a duplicate", async () => {
    const source = new MemorySource({ endsWhenEmpty: true });
    const sink = new MemorySink();
    source.send(bodies(20));
    source.redeliver(5);
    const totals = await run(source, sink);
    assert.deepEqual([totals.received, totals.duplicate], [25, 5]);
    assert.equal(sink.difference(), 0);
  });
});

/** The source, watching that nothing is removed before the sink says it is durable. */
function watchOrder(source: MemorySource, sink: MemorySink): MemorySource {
  const settle = source.settle.bind(source);
  source.settle = async (settlements) => {
    for (const { delivery, outcome } of settlements) {
      if (outcome !== "returned") assert.ok(sink.receipts.has(delivery.id), `${delivery.id} was removed before it was durable`);
    }
    await settle(settlements);
  };
  return source;
}
