import assert from "node:assert/strict";
import { test } from "node:test";

import { Arrivals } from "../../../src/sources/sqs/arrivals.ts";
import { ByteGate } from "../../../src/sources/sqs/byte-gate.ts";
import { Gather } from "../../../src/sources/sqs/gather.ts";
import { Leases } from "../../../src/sources/sqs/leases.ts";
import { Pace } from "../../../src/sources/sqs/pace.ts";
import type { Queue } from "../../../src/sources/sqs/queue.ts";
import { Receivers } from "../../../src/sources/sqs/receivers.ts";
import { makeDelivery } from "../../harness/login-table.ts";
import { SteppedClock } from "../../harness/stepped-clock.ts";

const visibilityMs = 30_000;

interface Parts {
  readonly arrivals: Arrivals;
  readonly leases: Leases;
  readonly gate: ByteGate;
  readonly gather: Gather;
  readonly clock: SteppedClock;
}

function gathering(receive: Queue["receive"]): Parts {
  const clock = new SteppedClock();
  const arrivals = new Arrivals();
  const gate = new ByteGate(1e6, () => {});
  const pace = new Pace(16);
  const leases = new Leases({ visibilityMs, holdMs: 120_000 }, () => 0.5);
  const gather = new Gather({ arrivals, pace, clock, batchBytes: 1e6, lingerMs: 100, waitSeconds: 20, drain: null });
  const receivers = new Receivers(
    {
      queue: { receive },
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
      gate,
      pace,
      clock,
      report: () => {},
      cameAgain: () => {},
      tookIn: () => {},
    },
    gather,
  );
  gather.use(receivers);
  return { arrivals, leases, gate, gather, clock };
}

test("a batch whose messages were all given back is closed: lanes wait for a first message again, in one long poll", async () => {
  const { arrivals, leases, gather, clock } = gathering(() => new Promise(() => {}));
  const stop = new AbortController();
  const waiting = gather.wait(10, stop.signal);
  const lease = leases.hold(makeDelivery(), 10, leases.term(clock.elapsed()));
  arrivals.add(lease);
  gather.serve();
  assert.equal(gather.waitsForFirst, false, "a batch is open");
  arrivals.remove(new Set([lease]));
  gather.serve();
  assert.equal(gather.waitsForFirst, true);
  stop.abort();
  assert.deepEqual(await waiting, []);
});

test("of an answer in which one message cannot be read, none is held: its bytes would be given back twice", async () => {
  const { arrivals, leases, gate, gather } = gathering(async () => [{ MessageId: "one", ReceiptHandle: "grip", Body: "{}" }, {}]);
  await assert.rejects(gather.wait(10, new AbortController().signal), { code: "queue_refused" });
  assert.deepEqual([arrivals.size, leases.size, gate.used], [0, 0, 0]);
});
