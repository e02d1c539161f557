import assert from "node:assert/strict";
import { test } from "node:test";

import { DrainRule, safeIdleMs } from "../../../src/sources/sqs/drain-rule.ts";
import type { QueueFacts } from "../../../src/sources/sqs/queue.ts";

const quiet: QueueFacts = {
  visible: 0,
  inFlight: 0,
  delayed: 0,
  visibilityTimeoutMs: 30_000,
  maximumMessageBytes: 1_048_576,
  maxReceiveCount: null,
  deadLetterQueue: null,
  fifo: false,
};
const says = (facts: Partial<QueueFacts>) => async (): Promise<QueueFacts> => ({ ...quiet, ...facts });

test("the safe time is 30 s, or longer than the queue's visibility", () => {
  assert.equal(safeIdleMs({ visibilityTimeoutMs: 0 }), 30_000);
  assert.equal(safeIdleMs({ visibilityTimeoutMs: 30_000 }), 35_000);
  assert.equal(safeIdleMs({ visibilityTimeoutMs: 600_000 }), 605_000);
});

test("a drain ends when the queue has stayed empty for the safe time, not before", async () => {
  const rule = new DrainRule(quiet, null, 0);
  assert.equal(await rule.isEmpty(34_999, says({})), false);
  assert.equal(await rule.isEmpty(35_000, says({})), true);
  rule.sawMessages(40_000);
  assert.equal(await rule.isEmpty(70_000, says({})), false);
  assert.equal(await rule.isEmpty(75_000, says({})), true);
});

test("what is in flight, delayed or visible keeps a drain going, however long it was quiet", async () => {
  for (const facts of [{ inFlight: 1 }, { delayed: 1 }, { visible: 1 }]) {
    const rule = new DrainRule(quiet, null, 0);
    assert.equal(await rule.isEmpty(100_000, says(facts)), false);
    assert.equal(await rule.isEmpty(134_999, says({})), false, "after that it must stay empty for the whole time again");
    assert.equal(await rule.isEmpty(135_000, says({})), true);
  }
});

test("a depth of zero alone never ends a drain", async () => {
  const rule = new DrainRule(quiet, null, 0);
  assert.equal(await rule.isEmpty(1_000, says({})), false);
});

test("the user's own idle time is enough by itself", async () => {
  const rule = new DrainRule(quiet, 2_000, 0);
  assert.equal(await rule.isEmpty(1_999, says({})), false);
  assert.equal(await rule.isEmpty(2_000, says({ inFlight: 1 })), true);
});

test("no long poll outlasts the idle time, and none is a short poll", () => {
  const rule = new DrainRule(quiet, 5_000, 0);
  assert.equal(rule.longestWaitSeconds(0), 5);
  assert.equal(rule.longestWaitSeconds(3_500), 2);
  assert.equal(rule.longestWaitSeconds(60_000), 1);
  assert.equal(new DrainRule(quiet, null, 0).longestWaitSeconds(0), 20);
});
