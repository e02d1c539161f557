import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import type { Delivery } from "../../../src/pipeline/ports.ts";
import type { PipelineEvent } from "../../../src/pipeline/report.ts";
import { LeaseKeeper } from "../../../src/sources/sqs/lease-keeper.ts";
import { type Lease, Leases } from "../../../src/sources/sqs/leases.ts";
import { fault, type Script, type ScriptedQueue, startScriptedQueue, until } from "../../harness/scripted-queue.ts";
import { SteppedClock } from "../../harness/stepped-clock.ts";

const visibilityMs = 30_000;

function delivery(id: string): Delivery {
  return { id, body: "{}", sentAtMs: null, receivedAtMs: 0, attempt: 1, groupId: null, attributes: {}, handle: `${id}/1` };
}

function hold(leases: Leases, count: number, place: Lease["place"] = "working", atMs = 0): Lease[] {
  return Array.from({ length: count }, (_, index) => {
    const lease = leases.hold(delivery(`m${index}`), 0, leases.term(atMs));
    lease.place = place;
    return lease;
  });
}

test("a lease is extended before half of its time is over, whatever the timeout and chance", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 43_200 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (seconds, chance) => {
      const leases = new Leases({ visibilityMs: seconds * 1_000, holdMs: 120_000 }, () => chance);
      const [lease] = hold(leases, 1);
      assert.ok(lease && lease.term.renewAtMs >= seconds * 300 && lease.term.renewAtMs < seconds * 500);
    }),
  );
});

test("SQS hides nothing for longer than 12 h: what is held that long is not extended into nothing", () => {
  const leases = new Leases({ visibilityMs, holdMs: 36_000_000 * 10 }, () => 0);
  const [lease] = hold(leases, 1);
  assert.equal(lease?.term.extendUntilMs, 12 * 3_600_000 - visibilityMs);
});

interface Kept {
  readonly leases: Leases;
  readonly clock: SteppedClock;
  readonly events: PipelineEvent[];
  readonly overdue: Lease[];
  readonly scripted: ScriptedQueue;
  wake(): void;
}

async function keeping(script: Script, body: (kept: Kept) => Promise<void>, holdMs = 120_000): Promise<void> {
  const scripted = await startScriptedQueue(script);
  const clock = new SteppedClock();
  const leases = new Leases({ visibilityMs, holdMs }, () => clock.random());
  const events: PipelineEvent[] = [];
  const overdue: Lease[] = [];
  const keeper = new LeaseKeeper({
    queue: scripted.queue,
    leases,
    visibilityMs,
    parallelCalls: 4,
    clock,
    report: (event) => events.push(event),
    giveBack: (given) => {
      overdue.push(...given);
      for (const lease of given) leases.drop(lease);
    },
  });
  try {
    await body({ leases, clock, events, overdue, scripted, wake: () => keeper.wake() });
  } finally {
    keeper.close();
    await scripted.close();
  }
}

/** The entries that were asked for, once so many have been answered. */
async function extended({ scripted, leases }: Kept, entries: number, ids: readonly string[] = []): Promise<void> {
  await until(() => scripted.changed.flat().length >= entries);
  const waits = (id: string): boolean => leases.get(id)?.isExtending === true;
  await until(() => !(ids.length > 0 ? ids : Array.from({ length: 30 }, (_, index) => `m${index}`)).some(waits));
}

suite("what is held", () => {
  test("is extended in tens by the queue's own timeout, again and again, until it is settled", async () => {
    await keeping({}, async (kept) => {
      const { leases, clock, scripted, events } = kept;
      const held = hold(leases, 25);
      kept.wake();
      await clock.pass(9_000);
      assert.equal(scripted.changed.length, 0);
      for (let term = 1; term <= 5; term += 1) {
        await clock.pass(9_000);
        await extended(kept, 25 * term);
      }
      assert.equal(scripted.changed.flat().length, 125);
      assert.ok(scripted.changed.every((ten) => ten.length <= 10 && ten.every(({ seconds }) => seconds === 30)));
      assert.equal(new Set(scripted.changed.flat().map(({ handle }) => handle)).size, 25);
      for (const lease of held) leases.drop(lease);
      await clock.pass(100_000);
      assert.equal(scripted.changed.flat().length, 125, "with nothing held there is no call");
      assert.deepEqual(events, []);
    });
  });

  test("and whose handle is no longer good is told as lost, and left alone until it comes again", async () => {
    const script: Script = { change: () => ({ "m1/1": { code: "ReceiptHandleIsInvalid", senderFault: true } }) };
    await keeping(script, async (kept) => {
      const { leases, clock, scripted, events } = kept;
      const [, second] = hold(leases, 3);
      assert.ok(second);
      kept.wake();
      await clock.pass(13_000);
      await extended(kept, 3);
      assert.deepEqual(events, [{ kind: "lease_lost", messages: 1 }]);
      await clock.pass(13_000);
      await extended(kept, 5);
      assert.equal(scripted.changed.flat().filter(({ handle }) => handle === "m1/1").length, 1);
      leases.swapHandle(second, "m1/2", clock.elapsed());
      await clock.pass(13_000);
      await until(() => scripted.changed.flat().some(({ handle }) => handle === "m1/2"));
      assert.equal(events.length, 1);
    });
  });

  test("and comes again while it is extended is not lost by what is said of the older handle", async () => {
    const held: Lease[] = [];
    const script: Script = {
      change: (entries) => {
        const [lease] = held;
        if (lease === undefined || entries[0]?.handle !== "m0/1") return {};
        lease.handle = "m0/2";
        return { "m0/1": { code: "ReceiptHandleIsInvalid", senderFault: true } };
      },
    };
    await keeping(script, async (kept) => {
      const { leases, clock, scripted, events } = kept;
      held.push(...hold(leases, 1));
      kept.wake();
      await clock.pass(13_000);
      await extended(kept, 1);
      await clock.pass(4_000);
      await until(() => scripted.changed.flat().some(({ handle }) => handle === "m0/2"));
      assert.deepEqual(events, []);
    });
  });

  test("is tried again soon when a call fails, and told as lost once when its time is over for it", async () => {
    const script: Script = { change: () => fault(500, "InternalError") };
    await keeping(script, async (kept) => {
      const { leases, clock, scripted, events } = kept;
      hold(leases, 2);
      kept.wake();
      await clock.pass(12_000);
      await extended(kept, 2);
      const before = scripted.changed.length;
      await clock.pass(4_000);
      await until(() => scripted.changed.length > before);
      assert.deepEqual(events, []);
      await extended(kept, 4);
      await clock.pass(30_000);
      assert.deepEqual(events, [{ kind: "lease_lost", messages: 2 }]);
    });
  });

  test("and fails alone, for a reason that passes, is tried again alone", async () => {
    let calls = 0;
    const script: Script = {
      change: () => ((calls += 1) === 1 ? { "m0/1": { code: "InternalError", senderFault: false } } : {}),
    };
    await keeping(script, async (kept) => {
      const { leases, clock, scripted, events } = kept;
      hold(leases, 3);
      kept.wake();
      await clock.pass(12_000);
      await extended(kept, 3);
      await clock.pass(5_000);
      await extended(kept, 4);
      assert.deepEqual(scripted.changed[1], [{ handle: "m0/1", seconds: 30 }]);
      assert.deepEqual(events, []);
    });
  });

  test("is extended no longer when its time to be held is over: lost in a lane's hands, given back where no lane took it", async () => {
    await keeping(
      {},
      async (kept) => {
        const { leases, clock, scripted, events, overdue } = kept;
        hold(leases, 1);
        const waiting = leases.hold(delivery("waiting"), 0, leases.term(0));
        kept.wake();
        // 60 s stand for loading and giving back, beside the time of an outage
        for (let passed = 0; passed < 72; passed += 1) {
          await clock.pass(1_000);
          await until(() => !leases.get("m0")?.isExtending && !waiting.isExtending);
        }
        assert.deepEqual(overdue, [waiting]);
        const asked = scripted.changed.length;
        await clock.pass(60_000);
        assert.equal(scripted.changed.length, asked);
        assert.deepEqual(events, [{ kind: "lease_lost", messages: 1 }]);
      },
      10_000,
    );
  });
});
