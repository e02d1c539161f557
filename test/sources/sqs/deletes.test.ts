import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { PipelineEvent } from "../../../src/pipeline/report.ts";
import { Deletes } from "../../../src/sources/sqs/deletes.ts";
import { type Lease, Leases } from "../../../src/sources/sqs/leases.ts";
import { fault, type Script, type ScriptedQueue, startScriptedQueue, until } from "../../harness/scripted-queue.ts";
import { SteppedClock } from "../../harness/stepped-clock.ts";

interface Deleted {
  readonly leases: Leases;
  readonly deletes: Deletes;
  readonly clock: SteppedClock;
  readonly events: PipelineEvent[];
  readonly scripted: ScriptedQueue;
  hold(count: number): Lease[];
}

async function deleting(script: Script, body: (deleted: Deleted) => Promise<void>): Promise<void> {
  const scripted = await startScriptedQueue(script);
  const clock = new SteppedClock();
  const leases = new Leases({ visibilityMs: 30_000, holdMs: 60_000 }, () => 0);
  const events: PipelineEvent[] = [];
  const report = (event: PipelineEvent): void => void events.push(event);
  const deletes = new Deletes({ queue: scripted.queue, leases, mostCalls: () => 3, clock, report });
  const hold = (count: number): Lease[] =>
    Array.from({ length: count }, (_, index) => {
      const id = `m${index}`;
      const delivery = {
        id,
        body: "",
        sentAtMs: null,
        receivedAtMs: 0,
        attempt: 1,
        groupId: null,
        attributes: {},
        handle: `${id}/1`,
      };
      const lease = leases.hold(delivery, 0, leases.term(clock.elapsed()));
      lease.place = "deleting";
      return lease;
    });
  try {
    await body({ leases, deletes, clock, events, scripted, hold });
  } finally {
    await scripted.close();
  }
}

const invalid = { code: "ReceiptHandleIsInvalid", senderFault: true };

suite("deletes", () => {
  test("go in tens, at most so many at once", async () => {
    let open = 0;
    let most = 0;
    const remove = async (): Promise<Record<string, never>> => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return {};
    };
    await deleting({ remove }, async ({ deletes, scripted, leases, hold, events }) => {
      await deletes.remove(hold(95));
      assert.deepEqual(
        scripted.removed.map(({ length }) => length).sort((one, other) => one - other),
        [5, ...Array<number>(9).fill(10)],
      );
      assert.ok(most >= 2 && most <= 3, `${most} at once`);
      assert.equal(leases.size, 0);
      assert.deepEqual(events, []);
    });
  });

  test("that fail are tried again, those alone, until they are done", async () => {
    let calls = 0;
    const remove: Script["remove"] = () => ((calls += 1) <= 3 ? { "m2/1": { code: "InternalError", senderFault: false } } : {});
    await deleting({ remove }, async ({ deletes, scripted, leases, clock, hold, events }) => {
      await deletes.remove(hold(5));
      assert.equal(leases.size, 1);
      for (let call = 2; call <= 4; call += 1) {
        await clock.pass(1_000);
        await until(() => scripted.removed.length >= call);
      }
      await until(() => leases.size === 0);
      assert.deepEqual(
        scripted.removed
          .slice(1)
          .flat()
          .map(({ handle }) => handle),
        ["m2/1", "m2/1", "m2/1"],
      );
      assert.deepEqual(events, []);
    });
  });

  test("of a message that came again after they failed go out at once, with its newest handle", async () => {
    const remove: Script["remove"] = () => ({ "m0/1": invalid });
    await deleting({ remove }, async ({ deletes, scripted, leases, clock, hold }) => {
      const [lease] = hold(1);
      assert.ok(lease);
      await deletes.remove([lease]);
      leases.swapHandle(lease, "m0/2", clock.elapsed());
      deletes.cameAgain(lease);
      await until(() => leases.size === 0);
      assert.deepEqual(
        scripted.removed.map(([entry]) => entry?.handle),
        ["m0/1", "m0/2"],
      );
    });
  });

  // https://github.com/justeattakeaway/JustSaying/issues/1584
  test("that succeed with a handle that meanwhile is an old one are not believed", async () => {
    const held: Lease[] = [];
    await deleting(
      {
        remove: (entries) => {
          const [lease] = held;
          if (lease !== undefined && entries[0]?.handle === "m0/1") lease.handle = "m0/2";
          return {};
        },
      },
      async ({ deletes, scripted, leases, hold }) => {
        held.push(...hold(1));
        await deletes.remove(held);
        await until(() => leases.size === 0);
        assert.deepEqual(
          scripted.removed.map(([entry]) => entry?.handle),
          ["m0/1", "m0/2"],
        );
      },
    );
  });

  test("are given up and told when the message's time to be held is over", async () => {
    const remove: Script["remove"] = () => ({ "m0/1": invalid, "m1/1": invalid });
    await deleting({ remove }, async ({ deletes, leases, clock, scripted, hold, events }) => {
      await deletes.remove(hold(2));
      while (leases.size > 0) {
        await clock.pass(1_000);
        assert.ok(clock.elapsed() < 200_000, "it ends");
      }
      assert.deepEqual(events, [{ kind: "undeleted", messages: 2 }]);
      assert.ok(clock.elapsed() >= 120_000, "60 s for an outage, 60 s to load and to give back");
      assert.ok(scripted.removed.length < 25, `${scripted.removed.length} calls: ever rarer`);
    });
  });

  test("that fail at the end are tried once more and then told", async () => {
    const remove: Script["remove"] = (entries) => (entries.length > 1 ? fault(503, "ServiceUnavailable") : { "m1/1": invalid });
    await deleting({ remove }, async ({ deletes, clock, hold, events, scripted }) => {
      await deletes.remove(hold(2));
      const before = scripted.removed.length;
      await deletes.close(5_000);
      assert.ok(scripted.removed.length > before);
      assert.deepEqual(events, [{ kind: "undeleted", messages: 2 }]);
      assert.equal(clock.elapsed(), 0);
    });
  });

  test("nobody answers do not keep a close from ending", async () => {
    const never: Script["remove"] = () => new Promise(() => {});
    await deleting({ remove: never }, async ({ deletes, clock, hold, events }) => {
      void deletes.remove(hold(3));
      const closing = deletes.close(5_000);
      await clock.pass(5_000);
      await closing;
      assert.deepEqual(events, [{ kind: "undeleted", messages: 3 }]);
    });
  });

  test("without the right stop the receiving at once, and those of an outage when too many are left", async () => {
    await deleting({ remove: () => fault(403, "AccessDenied") }, async ({ deletes, hold }) => {
      await deletes.remove(hold(1));
      assert.equal(deletes.trouble?.code, "queue_denied");
    });
    let isOut = true;
    await deleting({ remove: () => (isOut ? fault(503, "ServiceUnavailable") : {}) }, async ({ deletes, hold, clock, leases }) => {
      const trouble = (): string | undefined => deletes.trouble?.code;
      await deletes.remove(hold(1));
      assert.equal(trouble(), undefined);
      void deletes.remove(hold(6_000));
      await until(() => trouble() !== undefined);
      assert.equal(trouble(), "queue_unreachable");
      isOut = false;
      while (deletes.trouble !== null || leases.size > 0) await clock.pass(1_000);
    });
  });
});
