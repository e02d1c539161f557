import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { systemClock } from "../../../src/app/system-clock.ts";
import type { Clock } from "../../../src/pipeline/clock.ts";
import type { Delivery } from "../../../src/pipeline/ports.ts";
import type { PipelineEvent } from "../../../src/pipeline/report.ts";
import { DrainRule } from "../../../src/sources/sqs/drain-rule.ts";
import { SqsSource, type SqsSourceOptions } from "../../../src/sources/sqs/source.ts";
import {
  fault,
  type Script,
  type ScriptedMessage,
  type ScriptedQueue,
  startScriptedQueue,
  until,
} from "../../harness/scripted-queue.ts";
import { SteppedClock } from "../../harness/stepped-clock.ts";

const neverStops = new AbortController().signal;
const facts = { visibilityTimeoutMs: 30_000, maximumMessageBytes: 1_048_576 };

interface Opened {
  readonly source: SqsSource;
  readonly scripted: ScriptedQueue;
  readonly events: PipelineEvent[];
}

async function withSource(
  script: Script,
  clock: Clock,
  options: Partial<SqsSourceOptions>,
  body: (opened: Opened) => Promise<void>,
): Promise<void> {
  const scripted = await startScriptedQueue(script);
  const events: PipelineEvent[] = [];
  const source = new SqsSource(
    scripted.queue,
    {
      facts,
      parallelCalls: 16,
      waitSeconds: 20,
      batchBytes: 8_388_608,
      heldBytes: 33_554_432,
      holdMs: 120_000,
      lingerMs: 100,
      withAttributes: false,
      drain: null,
      ...options,
    },
    clock,
    (event) => events.push(event),
  );
  try {
    await body({ source, scripted, events });
  } finally {
    const closing = source.close();
    if (clock instanceof SteppedClock) await clock.pass(60_000);
    await closing;
    await scripted.close();
  }
}

/** A queue with so many messages, of `bytes` each; a receive takes a moment, and when all is gone it waits as long as it is asked to. */
function backlog(
  count: number,
  bytes = 10,
): {
  readonly script: Script;
  readonly most: () => number;
  left(): number;
} {
  let left = count;
  let open = 0;
  let most = 0;
  return {
    most: () => most,
    left: () => left,
    script: {
      receive: async (limit, waitSeconds) => {
        open += 1;
        most = Math.max(most, open);
        if (left === 0) await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1_000).unref());
        else await new Promise((resolve) => setTimeout(resolve, 5));
        open -= 1;
        const taken = Math.min(limit, left);
        left -= taken;
        return Array.from({ length: taken }, (_, place): ScriptedMessage => ({ id: `m${left + place}`, body: "x".repeat(bytes) }));
      },
    },
  };
}

const loaded = (deliveries: readonly Delivery[] | null) =>
  (deliveries ?? []).map((delivery) => ({ delivery, outcome: "loaded" }) as const);

suite("receiving", () => {
  test("from an idle queue costs 180 calls an hour and no other, whatever the number of lanes", async () => {
    const clock = new SteppedClock();
    let polls = 0;
    const receive: Script["receive"] = async (_, waitSeconds) => {
      polls += 1;
      await clock.sleep(waitSeconds * 1_000, neverStops);
      return [];
    };
    await withSource({ receive }, clock, {}, async ({ source, scripted }) => {
      const stopping = new AbortController();
      const lane = async (): Promise<void> => {
        while (!stopping.signal.aborted) await source.receive(1_000, stopping.signal);
      };
      const lanes = [lane(), lane(), lane(), lane()];
      for (let call = 1; call <= 180; call += 1) {
        await until(() => polls === call);
        if (call < 180) await clock.pass(20_000);
      }
      assert.equal(clock.elapsed(), 3_600_000 - 20_000);
      assert.equal(scripted.received.length, 180);
      assert.ok(scripted.received.every(({ waitSeconds }) => waitSeconds === 20));
      assert.equal(scripted.changed.length + scripted.removed.length, 0);
      stopping.abort();
      await clock.pass(20_000);
      await Promise.all(lanes);
    });
  });

  test("goes side by side while answers come back full, never with more than allowed, and parks one poll when all is gone", async () => {
    const { script, most } = backlog(1_500);
    await withSource(script, systemClock, { parallelCalls: 8 }, async ({ source, scripted }) => {
      const seen = new Set<string>();
      const lane = async (): Promise<void> => {
        while (seen.size < 1_500) {
          const deliveries = await source.receive(500, neverStops);
          for (const { id } of deliveries ?? []) seen.add(id);
          await source.settle(loaded(deliveries));
        }
      };
      await lane();
      assert.equal(seen.size, 1_500);
      assert.equal(most(), 8);
      assert.equal(scripted.removed.flat().length, 1_500);
      const stopping = new AbortController();
      const waiting = [source.receive(500, stopping.signal), source.receive(500, stopping.signal)];
      await until(() => scripted.received.at(-1)?.waitSeconds === 20);
      stopping.abort();
      assert.deepEqual(await Promise.all(waiting), [[], []]);
    });
  });

  test("never holds more bytes than allowed, and goes on when they are given back", async () => {
    const bytes = 1_000_000;
    const { script, left } = backlog(40, bytes);
    await withSource(script, systemClock, { heldBytes: 16_777_216, batchBytes: 4_194_304 }, async ({ source }) => {
      const held: Delivery[] = [];
      let total = 0;
      let next = source.receive(100, neverStops);
      while (total < 40) {
        const waited = new AbortController();
        const more = await Promise.race([next, systemClock.sleep(300, waited.signal).then(() => "nothing" as const)]);
        waited.abort();
        if (more === "nothing") {
          // nothing is settled until nothing more comes
          assert.ok(40 - left() - (total - held.length) <= 17, "and no more than that has left the queue");
          await source.settle(loaded(held.splice(0)));
          continue;
        }
        held.push(...(more ?? []));
        total += more?.length ?? 0;
        assert.ok(held.length * bytes <= 16_777_216, `${held.length} held`);
        if (total < 40) next = source.receive(100, neverStops);
      }
      await source.settle(loaded(held));
    });
  });

  test("gives up an answer there is no room for before its messages are handed out again, and reads it later", async () => {
    const clock = new SteppedClock();
    const large: ScriptedMessage = { id: "large", body: "x".repeat(6_000_000) };
    const waiting: ScriptedMessage[][] = [[{ id: "first", body: "x".repeat(1_000_000) }], [large], [large]];
    let given = 0;
    const script: Script = {
      receive: async (_, waitSeconds) => {
        const next = waiting.shift();
        if (next !== undefined) given += 1;
        else await clock.sleep(waitSeconds * 1_000, neverStops);
        return next ?? [];
      },
    };
    await withSource(script, clock, { heldBytes: 16_777_216, lingerMs: 0 }, async ({ source, events }) => {
      const first = await source.receive(10, neverStops);
      assert.deepEqual(
        first?.map(({ id }) => id),
        ["first"],
      );
      const next = source.receive(10, neverStops);
      // it waits for room, and the lease of the first is looked after
      await until(() => given === 2 && clock.sleepers === 2);
      await clock.pass(20_000);
      // the answer was given up; with the first one settled there is room for it
      await source.settle(loaded(first));
      const deliveries = await next;
      assert.deepEqual(
        deliveries?.map(({ id }) => id),
        ["large"],
      );
      assert.equal(given, 3);
      assert.deepEqual(events, []);
      await source.settle(loaded(deliveries));
    });
  });

  test("does not end a call whose answer waits for room when its lane no longer waits: its messages would be away for nothing", async () => {
    const clock = new SteppedClock();
    const large: ScriptedMessage = { id: "large", body: "x".repeat(6_000_000) };
    const waiting: ScriptedMessage[][] = [[{ id: "first", body: "x".repeat(1_000_000) }], [large]];
    const script: Script = {
      receive: async (_, waitSeconds) => {
        const next = waiting.shift();
        if (next === undefined) await clock.sleep(waitSeconds * 1_000, neverStops);
        return next ?? [];
      },
    };
    await withSource(script, clock, { heldBytes: 16_777_216, lingerMs: 0 }, async ({ source }) => {
      const first = await source.receive(10, neverStops);
      const stopping = new AbortController();
      const next = source.receive(10, stopping.signal);
      // it waits for room, and the lease of the first is looked after
      await until(() => waiting.length === 0 && clock.sleepers === 2);
      await clock.pass(1_000);
      stopping.abort();
      assert.deepEqual(await next, []);
      await source.settle(loaded(first));
      const deliveries = await source.receive(10, AbortSignal.timeout(10_000));
      assert.deepEqual(
        deliveries?.map(({ id }) => id),
        ["large"],
      );
      await source.settle(loaded(deliveries));
    });
  });

  test("serves the lane that has waited longest", async () => {
    const clock = new SteppedClock();
    let answer: readonly ScriptedMessage[] = [];
    const ready = Promise.withResolvers<void>();
    const script: Script = {
      receive: async (_, waitSeconds) => {
        await Promise.race([ready.promise, clock.sleep(waitSeconds * 1_000, neverStops)]);
        const given = answer;
        answer = [];
        return given;
      },
    };
    await withSource(script, clock, {}, async ({ source, scripted }) => {
      const order: string[] = [];
      const lane = async (name: string): Promise<void> => {
        if (((await source.receive(5, neverStops)) ?? []).length > 0) order.push(name);
      };
      const lanes = [lane("first"), lane("second")];
      await until(() => scripted.received.length === 1);
      answer = Array.from({ length: 10 }, (_, index) => ({ id: `m${index}` }));
      ready.resolve();
      await Promise.all(lanes);
      assert.deepEqual(order, ["first", "second"]);
    });
  });

  test("leaves what trickles in on the queue until shortly before the batch closes", async () => {
    const clock = new SteppedClock();
    let sent = 0;
    let taken = 0;
    const script: Script = {
      receive: async (limit) => {
        const count = Math.min(limit, sent - taken);
        taken += count;
        return Array.from({ length: count }, (_, place) => ({ id: `m${taken - place}` }));
      },
    };
    await withSource(script, clock, { lingerMs: 1_000 }, async ({ source, scripted }) => {
      sent = 1;
      const batch = source.receive(1_000, neverStops);
      // a second call came back empty: what sleeps is the batch's time, the rest after an empty answer, and the leases' keeper
      await until(() => scripted.received.length === 2 && clock.sleepers === 3);
      for (let part = 0; part < 9; part += 1) {
        sent += 1;
        await clock.pass(100);
      }
      assert.equal(scripted.received.length, 2);
      await clock.pass(60);
      // the last look brings all; that another call follows shows that its answer has been taken in
      await until(() => taken === 10 && scripted.received.length === 4);
      await clock.pass(100);
      assert.equal((await batch)?.length, 10);
    });
  });

  test("fails when no call brings anything, for every lane that waits; one call that fails beside others is no outage", async () => {
    let answer: () => readonly ScriptedMessage[] | ReturnType<typeof fault> = () => fault(503, "ServiceUnavailable");
    await withSource({ receive: () => answer() }, systemClock, {}, async ({ source }) => {
      const both = await Promise.allSettled([source.receive(100, neverStops), source.receive(100, neverStops)]);
      for (const one of both) {
        assert.equal(one.status, "rejected");
        assert.equal((one.reason as { code: string }).code, "queue_unreachable");
      }
      let calls = 0;
      answer = () => {
        calls += 1;
        // every second call fails, and so does its second try
        if (calls % 4 >= 2) return fault(500, "InternalError");
        return Array.from({ length: 10 }, (_, place) => ({ id: `m${calls}-${place}` }));
      };
      const deliveries = await source.receive(100, neverStops);
      assert.ok((deliveries?.length ?? 0) >= 10);
      await source.settle(loaded(deliveries));
    });
  });

  test("takes no message twice that is in work, and takes one again that came after it was deleted: its receipt knows it", async () => {
    const answers: ScriptedMessage[][] = [
      [{ id: "a" }, { id: "b" }],
      [{ id: "a", handle: "a/2", attempt: 2 }, { id: "c" }],
      [{ id: "a", handle: "a/3", attempt: 3 }],
    ];
    const script: Script = { receive: () => answers.shift() ?? [] };
    await withSource(script, systemClock, { lingerMs: 0 }, async ({ source, scripted, events }) => {
      const first = await source.receive(2, neverStops);
      assert.deepEqual(
        first?.map(({ id }) => id),
        ["a", "b"],
      );
      const second = await source.receive(2, neverStops);
      assert.deepEqual(
        second?.map(({ id }) => id),
        ["c"],
      );
      assert.deepEqual(events, [{ kind: "redelivered", messages: 1 }]);
      await source.settle(loaded(first));
      assert.deepEqual(
        scripted.removed.flat().map(({ handle }) => handle),
        ["a/2", "b/1"],
      );
      const third = await source.receive(2, neverStops);
      assert.deepEqual(
        third?.map(({ id, attempt }) => `${id} ${attempt}`),
        ["a 3"],
      );
      await source.settle(loaded(third));
      await source.settle(loaded(second));
    });
  });

  test("gives back at once what may be taken at once, and the rest with pauses that grow with the attempts", async () => {
    const attempts = [1, 2, 3, 4, 8, 20];
    const answers = [attempts.map((attempt) => ({ id: `m${attempt}`, attempt }))];
    const script: Script = { receive: () => answers.shift() ?? [] };
    const clock: Clock = { ...systemClock, random: () => 0.5 };
    await withSource(script, clock, { lingerMs: 0 }, async ({ source, scripted }) => {
      const all: Delivery[] = [];
      while (all.length < attempts.length) all.push(...((await source.receive(10, neverStops)) ?? []));
      await source.settle(all.map((delivery) => ({ delivery, outcome: "returned", again: "later" })));
      assert.deepEqual(
        scripted.changed.flat().map(({ seconds }) => seconds),
        [5, 10, 20, 40, 640, 900],
      );
      await source.settle(all.map((delivery) => ({ delivery, outcome: "returned" })));
      assert.ok(scripted.changed.at(-1)?.every(({ seconds }) => seconds === 0));
    });
  });

  test("a drain does not end while a lane holds something, nor before its time is over", async () => {
    const clock = new SteppedClock();
    const answers: ScriptedMessage[][] = [[{ id: "a" }]];
    const script: Script = {
      receive: async (_, waitSeconds) => {
        const next = answers.shift();
        if (next === undefined) await clock.sleep(waitSeconds * 1_000, neverStops);
        return next ?? [];
      },
    };
    const empty = { visible: 0, inFlight: 0, delayed: 0, maxReceiveCount: null, deadLetterQueue: null, fifo: false };
    const drain = new DrainRule({ ...facts, ...empty }, 2_000, clock.elapsed());
    await withSource(script, clock, { drain, lingerMs: 0 }, async ({ source, scripted }) => {
      const first = await source.receive(10, neverStops);
      assert.equal(first?.length, 1);
      const answer = async (meanwhile?: () => Promise<void>): Promise<readonly Delivery[] | null> => {
        const calls = scripted.received.length;
        const waiting = source.receive(10, neverStops);
        await until(() => scripted.received.length > calls);
        await clock.pass(500);
        await meanwhile?.();
        await clock.pass(2_000);
        return waiting;
      };
      assert.deepEqual(await answer(), []);
      assert.deepEqual(await answer(), [], "the other lane may still give it back");
      const giveBack = () => source.settle(first?.map((delivery) => ({ delivery, outcome: "returned" })) ?? []);
      assert.deepEqual(await answer(giveBack), [], "what was given back has its whole time to come again");
      assert.equal(await answer(), null);
      assert.equal(await source.receive(10, neverStops), null);
    });
  });
});

suite("a close", () => {
  test("ends in time although the server answers nothing", async () => {
    const silent = (): Promise<never> => new Promise(() => {});
    const clock = new SteppedClock();
    const answers: ScriptedMessage[][] = [Array.from({ length: 10 }, (_, place) => ({ id: `m${place}`, attempt: 9 }))];
    const script: Script = { receive: () => answers.shift() ?? silent(), remove: silent, change: silent };
    await withSource(script, clock, { lingerMs: 0 }, async ({ source, scripted, events }) => {
      const [inWork] = [await source.receive(10, neverStops)];
      assert.equal(inWork?.length, 1);
      void source.settle(loaded(inWork));
      const closing = source.close();
      await until(() => scripted.removed.length === 1);
      await clock.pass(30_000);
      await closing;
      assert.deepEqual(events, [{ kind: "undeleted", messages: 1 }]);
      assert.equal(await source.receive(10, neverStops), null);
    });
  });

  test("gives back what no lane has taken", async () => {
    const answers: ScriptedMessage[][] = [Array.from({ length: 10 }, (_, place) => ({ id: `m${place}`, attempt: 9 }))];
    const clock = new SteppedClock();
    const script: Script = {
      receive: async (_, waitSeconds) => {
        const next = answers.shift();
        if (next === undefined) await clock.sleep(waitSeconds * 1_000, neverStops);
        return next ?? [];
      },
    };
    await withSource(script, clock, {}, async ({ source, scripted }) => {
      const inWork = await source.receive(10, neverStops);
      await source.settle(loaded(inWork));
      const closing = source.close();
      await clock.pass(10_000);
      await closing;
      const given = scripted.changed.flat();
      assert.deepEqual(
        given.map(({ seconds }) => seconds),
        Array<number>(9).fill(0),
      );
    });
  });
});
