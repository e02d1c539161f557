import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { SteppedClock } from "../harness/stepped-clock.ts";
import { receivedJson, receivedOutput } from "./queue/received.ts";
import { QueueStore } from "./queue/store.ts";
import type { HandedOut, StoredQueue } from "./queue/stored-queue.ts";

const stays = new AbortController().signal;

/** What a consumer does with a queue, and what time does. */
type Step =
  | { readonly kind: "send"; readonly group: number }
  | { readonly kind: "receive"; readonly limit: number; readonly visibilityMs: number }
  | { readonly kind: "delete" | "release"; readonly which: number }
  | { readonly kind: "pass"; readonly ms: number };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ kind: fc.constant("send"), group: fc.nat(3) }),
    fc.record({ kind: fc.constant("receive"), limit: fc.integer({ min: 1, max: 10 }), visibilityMs: fc.nat(20) }),
    fc.record({ kind: fc.constantFrom("delete", "release"), which: fc.nat(30) }),
    fc.record({ kind: fc.constant("pass"), ms: fc.nat(15) }),
  ),
  { maxLength: 150, size: "max" },
);

/** A message that a consumer holds, and until when. */
interface Held {
  readonly handed: HandedOut;
  untilMs: number;
}

/** Plays the steps and tells each of what was handed out; ends with everything received and deleted. */
async function play(
  fifo: boolean,
  script: readonly Step[],
  told: (handed: HandedOut, held: ReadonlyMap<string, Held>) => void,
): Promise<void> {
  const clock = new SteppedClock();
  const store = new QueueStore(5, clock, stays, () => {});
  store.faults.reordered = fifo ? 0 : 0.3;
  const queue: StoredQueue = store.create(fifo ? "q.fifo" : "q", fifo ? { FifoQueue: "true" } : {});
  const held = new Map<string, Held>();
  let sent = 0;
  const expire = (): void => {
    for (const [id, { untilMs }] of held) if (untilMs <= clock.elapsed()) held.delete(id);
  };
  const receive = async (limit: number, visibilityMs: number): Promise<number> => {
    const handed = await queue.receive({ limit, waitMs: 0, visibilityMs }, stays);
    for (const one of handed) {
      told(one, held);
      held.set(one.message.id, { handed: one, untilMs: clock.elapsed() + visibilityMs });
    }
    expire();
    return handed.length;
  };
  for (const step of script) {
    const one = step.kind === "delete" || step.kind === "release" ? [...held.values()][step.which] : undefined;
    if (step.kind === "pass") await clock.pass(step.ms);
    if (step.kind === "send") {
      sent += 1;
      queue.send({ body: `${sent}`, attributes: null, group: `g${step.group}`, deduplicationId: `${sent}`, delayMs: null });
    }
    if (step.kind === "receive") await receive(step.limit, step.visibilityMs);
    if (one !== undefined) {
      held.delete(one.handed.message.id);
      if (step.kind === "delete") queue.delete(one.handed.handle);
      else queue.changeVisibility(one.handed.handle, 0);
    }
    expire();
    const { visible, inFlight } = queue.counts;
    assert.equal(inFlight, held.size, "what is held is in flight, and nothing else");
    assert.equal(visible + inFlight, [...queue.messages()].length);
  }
  await clock.pass(1_000);
  held.clear();
  while ((await receive(10, 1_000)) > 0) {
    for (const { handed } of held.values()) queue.delete(handed.handle);
    held.clear();
  }
  assert.deepEqual([...queue.messages()], [], "all that was left has been handed out");
  assert.equal(store.counters.deletes, sent);
}

suite("the queue server's laws", () => {
  test("a standard queue hands out everything until it is deleted, and nothing that is in flight", async () => {
    await fc.assert(
      fc.asyncProperty(steps, (script) =>
        play(false, script, ({ message }, held) => assert.equal(held.has(message.id), false, "in flight already")),
      ),
    );
  });

  test("a FIFO queue keeps each group in order, and to itself while one of it is in flight", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        let together: { readonly group: string | null; readonly serial: number; readonly held: number } | null = null;
        await play(true, script, ({ message: { group, serial } }, held) => {
          const inGroup = [...held.values()].filter(({ handed }) => handed.message.group === group);
          // those before it in the same answer are held by now; they come before it in the queue too
          assert.ok(inGroup.every(({ handed }) => handed.message.serial < serial));
          if (inGroup.length > 0) assert.deepEqual([together?.group, together?.held], [group, held.size - 1], "of the same answer");
          together = { group, serial, held: held.size };
        });
      }),
    );
  });

  test("what is written by hand is what JSON would be", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ body: fc.string({ unit: "binary", minLength: 1 }), group: fc.string(), value: fc.string() }), {
          maxLength: 5,
          minLength: 1,
        }),
        fc.constantFrom(["All"], [], ["SentTimestamp"], ["MessageGroupId", "ApproximateReceiveCount"]),
        async (messages, system) => {
          const store = new QueueStore(5, new SteppedClock(), stays, () => {});
          const queue = store.create("q.fifo", { FifoQueue: "true" });
          messages.forEach(({ body, group, value }, index) => {
            const attributes = value === "" ? null : { name: { DataType: "String", StringValue: value } };
            queue.send({ body, attributes, group, deduplicationId: `${index}`, delayMs: null });
          });
          const handed = await queue.receive({ limit: 10, waitMs: 0, visibilityMs: null }, stays);
          const received = { handed, system: new Set(system), named: ["All"] };
          assert.deepEqual(JSON.parse(receivedJson(received)), JSON.parse(JSON.stringify(receivedOutput(received))));
        },
      ),
    );
  });
});
