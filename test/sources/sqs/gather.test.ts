import assert from "node:assert/strict";
import { test } from "node:test";

import { Arrivals } from "../../../src/sources/sqs/arrivals.ts";
import { ByteGate } from "../../../src/sources/sqs/byte-gate.ts";
import { Gather } from "../../../src/sources/sqs/gather.ts";
import { Leases } from "../../../src/sources/sqs/leases.ts";
import { Pace } from "../../../src/sources/sqs/pace.ts";
import { Receivers } from "../../../src/sources/sqs/receivers.ts";
import { makeDelivery } from "../../harness/login-table.ts";
import { SteppedClock } from "../../harness/stepped-clock.ts";

const visibilityMs = 30_000;

test("a batch whose messages were all given back is closed: lanes wait for a first message again, in one long poll", async () => {
  const clock = new SteppedClock();
  const arrivals = new Arrivals();
  const pace = new Pace(16);
  const leases = new Leases({ visibilityMs, holdMs: 120_000 }, () => 0.5);
  const gather = new Gather({ arrivals, pace, clock, batchBytes: 1e6, lingerMs: 100, waitSeconds: 20, drain: null });
  const receivers = new Receivers(
    {
      queue: { receive: () => new Promise(() => {}) },
      options: {
        parallelCalls: 16,
        waitSeconds: 20,
        withAttributes: false,
        visibilityMs,
        maximumMessageBytes: 1_048_576,
        inGroups: false,
      },
      leases,
      arrivals,
      gate: new ByteGate(1e6, () => {}),
      pace,
      clock,
      report: () => {},
      cameAgain: () => {},
      tookIn: () => {},
    },
    gather,
  );
  gather.use(receivers);
  const stop = new AbortController();
  const waiting = gather.wait(10, stop.signal);
  const delivery = makeDelivery();
  const lease = leases.hold(delivery, 10, clock.elapsed(), 10_000);
  arrivals.add({ delivery, lease });
  gather.serve();
  assert.equal(gather.waitsForFirst, false, "a batch is open");
  arrivals.remove(new Set([lease]));
  gather.serve();
  assert.equal(gather.waitsForFirst, true);
  stop.abort();
  assert.deepEqual(await waiting, []);
});
