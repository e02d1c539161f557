import assert from "node:assert/strict";
import { test } from "node:test";

import { MasklineError } from "../../src/errors.ts";
import { type EngineOptions, runPipeline, type RunTotals } from "../../src/pipeline/engine.ts";
import type { Batch, BatchKeys } from "../../src/pipeline/ports.ts";
import { rowsOf } from "../harness/login-table.ts";
import { MemorySink } from "../harness/memory-sink.ts";
import { MemorySource } from "../harness/memory-source.ts";

/** A sink that takes batches of one key only, and a process that starts with key 1 and is given the next at each renewal. */
function rotated(
  takes: number,
  newest: number,
): { run: () => Promise<RunTotals>; source: MemorySource; sink: MemorySink; asked: BatchKeys[] } {
  const source = new MemorySource({ endsWhenEmpty: true });
  source.send(Array.from({ length: 30 }, (_, i) => `row ${i}`));
  const sink = new MemorySink((batch: Batch) => {
    if (batch.keys?.keyId !== takes) throw new MasklineError("key_retired", "as asked");
  });
  let keyId = 1;
  const asked: BatchKeys[] = [];
  const options: EngineOptions = {
    run: "6a1f7c1e-0000-4000-8000-000000000001",
    source,
    sink,
    prepare: (deliveries) => ({
      rows: rowsOf(deliveries, [deliveries.map(({ body }) => `${body} under ${keyId}`)]),
      refused: [],
      keys: { ring: 1, keyId, anchorId: keyId, sealingId: 1, pinnedIds: [], aliases: [] },
    }),
    renewKeys: async (refused) => {
      asked.push(refused);
      if (keyId === newest) return false;
      keyId += 1;
      return true;
    },
    openSeal: () => async () => Buffer.alloc(1),
    batchRows: 10,
    holdMs: 60_000,
    holdGroups: false,
    patienceMs: 20_000,
    lanes: 1,
    maxMessages: Infinity,
    clock: { now: () => 0, elapsed: () => 0, random: () => 0.5, sleep: async () => {} },
    report: () => {},
  };
  return { run: () => runPipeline(options, new AbortController().signal), source, sink, asked };
}

test("a batch that a rotation overtook is masked again under the new key, and not received again", async () => {
  const { run, sink, asked } = rotated(3, 3);
  const totals = await run();
  assert.deepEqual([totals.received, totals.loaded, totals.returned], [30, 30, 0]);
  assert.deepEqual(
    asked.map(({ keyId }) => keyId),
    [1, 2],
  );
  assert.ok(sink.rows.every((row) => row.endsWith("under 3")));
  assert.equal(sink.difference(), 0);
});

test("with no other keys to go on with, the messages go back and the run says why", async () => {
  const { run, source, sink } = rotated(3, 2);
  await assert.rejects(run(), { code: "key_retired" });
  assert.equal(source.visible, 30);
  assert.deepEqual([sink.rows.length, sink.difference()], [0, 0]);
});

test("keys that are refused again and again do not keep a lane for ever", async () => {
  const { run, asked } = rotated(-1, Infinity);
  await assert.rejects(run(), { code: "key_retired" });
  assert.equal(asked.length, 3);
});
