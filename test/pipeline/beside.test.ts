import assert from "node:assert/strict";
import { test } from "node:test";

import { type EngineOptions, runPipeline, type RunTotals } from "../../src/pipeline/engine.ts";
import { rowsOf } from "../harness/login-table.ts";
import { MemorySink } from "../harness/memory-sink.ts";
import { MemorySource } from "../harness/memory-source.ts";

function run(source: MemorySource, sink: MemorySink, beside: EngineOptions["beside"]): Promise<RunTotals> {
  return runPipeline(
    {
      run: "6a1f7c1e-0000-4000-8000-000000000001",
      source,
      sink,
      prepare: (deliveries) => ({
        rows: rowsOf(deliveries, [deliveries.map(({ body }) => body)]),
        refused: [],
      }),
      openSeal: () => async () => Buffer.alloc(1),
      batchRows: 10,
      holdMs: 60_000,
      holdGroups: false,
      patienceMs: 20_000,
      lanes: 2,
      maxMessages: Infinity,
      clock: { now: () => 0, elapsed: () => 0, random: () => 0.5, sleep: async () => {} },
      report: () => {},
      ...(beside === undefined ? {} : { beside }),
    },
    new AbortController().signal,
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

test("what goes on beside the lanes is told of their end, and waited for", async () => {
  const source = new MemorySource({ endsWhenEmpty: true });
  source.send(["one", "two"]);
  let over = false;
  const { loaded } = await run(source, new MemorySink(), async (ended) => {
    await untilAborted(ended);
    over = true;
  });
  assert.deepEqual([loaded, over], [2, true]);
});

test("what does not end with the lanes is not waited for: it may be asking a server that says nothing any more", async () => {
  const source = new MemorySource({ endsWhenEmpty: true });
  source.send(["one", "two"]);
  const { loaded } = await run(source, new MemorySink(), () => new Promise(() => {}));
  assert.equal(loaded, 2);
});

test("when it fails, the lanes finish what they hold, and the run throws its failure", async () => {
  const source = new MemorySource();
  source.send(["one", "two", "three"]);
  const fault = new TypeError("as asked");
  let fail = (): void => {};
  const failing = new Promise<never>((_, reject) => (fail = () => reject(fault)));
  const sink = new MemorySink(() => fail());
  const running = run(source, sink, () => failing);
  await assert.rejects(running, fault);
  assert.deepEqual([sink.rows.length, source.remaining, sink.difference()], [3, 0, 0]);
});

test("when a lane fails, what goes on beside it ends too", async () => {
  const source = new MemorySource();
  source.send(["one"]);
  const fault = new TypeError("as asked");
  const sink = new MemorySink(() => {
    throw fault;
  });
  let over = false;
  const running = run(source, sink, async (ended) => {
    await untilAborted(ended);
    over = true;
  });
  await assert.rejects(running, fault);
  assert.equal(over, true);
});
