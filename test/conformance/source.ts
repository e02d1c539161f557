import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Delivery, Outcome, Source } from "../../src/pipeline/ports.ts";

export interface QueueWish {
  /** How long a message stays invisible that nobody extends; the server's own time where it is left out. */
  readonly visibilitySeconds?: number;
  /** Messages of one group are handed out in order. */
  readonly inGroups?: boolean;
}

/** A fresh source with its own empty queue behind it, and a way to put messages there. */
export interface SourceUnderTest {
  readonly source: Source;
  /** Over the same queue, as another process has one. */
  another(): Source;
  send(bodies: readonly string[], groupId?: string): Promise<void>;
  /** Makes the queue hand these out again although they are held. */
  handOutAgain(deliveries: readonly Delivery[]): Promise<void>;
  /** Messages that are there and not deleted, visible or not. */
  remaining(): Promise<number>;
  close(): Promise<void>;
}

const neverStops = new AbortController().signal;
const everything = 10_000;

/** What not every source or server can do; each with the reason where it cannot. */
export type Unable = Partial<Record<"leases" | "groups" | "several", string>>;

/** What every source must do (ports.ts), whatever is behind it. `open` is called once for each test. */
export function sourceConformance(name: string, open: (wish: QueueWish) => Promise<SourceUnderTest>, unable: Unable = {}): void {
  const check = (
    title: string,
    body: (under: SourceUnderTest) => Promise<void>,
    wish: QueueWish = {},
    skip: string | false = false,
  ): void => {
    test(title, { timeout: 60_000, skip }, async () => {
      const under = await open(wish);
      try {
        await body(under);
      } finally {
        await under.close();
      }
    });
  };

  suite(`source conformance: ${name}`, () => {
    check("hands over bodies as they were sent, with id, time and attempt", async ({ source, send }) => {
      const bodies = ['{"a": "é \\u0000 \\" \' & < >", "b": [1, null]}', "not json", "日本語 ß"];
      const beforeMs = Date.now() - 2_000;
      await send(bodies);
      const deliveries = await receiveAll(source, bodies.length);
      assert.deepEqual(deliveries.map(({ body }) => body).sort(), [...bodies].sort());
      assert.equal(new Set(deliveries.map(({ id }) => id)).size, bodies.length);
      for (const { sentAtMs, attempt, receivedAtMs } of deliveries) {
        assert.ok(sentAtMs !== null && sentAtMs >= beforeMs && sentAtMs <= Date.now() + 2_000, "the sent time is the producer's");
        assert.ok(receivedAtMs >= beforeMs);
        assert.equal(attempt, 1);
      }
    });

    check("never hands over more than asked for, and gathers more than one call's worth", async ({ source, send }) => {
      await send(numbered(45));
      const few = (await source.receive(3, neverStops)) ?? [];
      assert.ok(few.length >= 1 && few.length <= 3);
      const seen = new Map(few.map((delivery) => [delivery.id, delivery]));
      assert.equal((await receiveAll(source, 45, seen)).length, 45);
    });

    check("answers with an empty batch when nothing comes in time", async ({ source }) => {
      assert.deepEqual(await source.receive(10, neverStops), []);
    });

    check("removes what is settled, whatever its outcome", async ({ source, send, remaining }) => {
      await send(numbered(25));
      const deliveries = await receiveAll(source, 25);
      const outcomes: readonly Outcome[] = ["loaded", "duplicate", "quarantined"];
      await source.settle(deliveries.map((delivery, index) => ({ delivery, outcome: outcomes[index % 3] ?? "loaded" })));
      assert.equal(await remaining(), 0);
    });

    check("hands over again what was returned: same id, same time, one attempt more", async ({ source, send }) => {
      await send(numbered(12));
      const first = await receiveAll(source, 12);
      await source.settle(first.map((delivery) => ({ delivery, outcome: "returned" })));
      const again = await receiveAll(source, 12);
      const key = ({ id, sentAtMs, body }: Delivery): string => `${id} ${sentAtMs} ${body}`;
      assert.deepEqual(again.map(key).sort(), first.map(key).sort());
      assert.ok(again.every(({ attempt }) => attempt >= 2));
    });

    check("keeps what is not settled to itself", async ({ source, send, remaining }) => {
      await send(numbered(5));
      await receiveAll(source, 5);
      assert.deepEqual(await source.receive(10, neverStops), []);
      assert.equal(await remaining(), 5);
    });

    check("shares the messages between callers that receive side by side", async ({ source, send }) => {
      await send(numbered(60));
      const seen = new Map<string, Delivery>();
      await Promise.all([receiveAll(source, 60, seen), receiveAll(source, 60, seen)]);
      assert.equal(seen.size, 60);
    });

    check("ends a waiting call when asked to stop", async ({ source }) => {
      const stopping = new AbortController();
      const waiting = [source.receive(10, stopping.signal), source.receive(10, stopping.signal)];
      stopping.abort();
      assert.deepEqual(await Promise.all(waiting), [[], []]);
    });

    check("takes a settlement of nothing, and of a handle that is no longer good", async ({ source, send }) => {
      await source.settle([]);
      await send(numbered(1));
      const [delivery] = await receiveAll(source, 1);
      assert.ok(delivery);
      await source.settle([{ delivery, outcome: "loaded" }]);
      await source.settle([{ delivery, outcome: "loaded" }]);
      await source.settle([{ delivery, outcome: "returned" }]);
    });

    check("hands over later what was returned for later", async ({ source, send, remaining }) => {
      await send(numbered(12));
      const first = await receiveAll(source, 12);
      await source.settle(first.map((delivery) => ({ delivery, outcome: "returned", again: "later" })));
      assert.deepEqual(await source.receive(100, neverStops), []);
      assert.equal(await remaining(), 12);
      assert.equal((await receiveAll(source, 12)).length, 12);
    });

    check(
      "gives messages that were handed out before in small batches, and those of many attempts alone",
      async ({ source, send }) => {
        await send(numbered(24));
        let deliveries = await receiveAll(source, 24);
        for (let attempt = 2; attempt <= 4; attempt += 1) {
          await source.settle(deliveries.map((delivery) => ({ delivery, outcome: "returned" })));
          deliveries = [];
          while (deliveries.length < 24) {
            const batch = (await source.receive(1_000, neverStops)) ?? [];
            const most = Math.max(...batch.map((delivery) => delivery.attempt)) >= 4 ? 1 : 10;
            assert.ok(batch.length <= most, `${batch.length} together at attempt ${attempt}`);
            deliveries.push(...batch);
          }
          assert.ok(deliveries.every((delivery) => delivery.attempt === attempt));
        }
      },
    );

    check(
      "keeps what it holds past the time after which it would be handed out again",
      async ({ source, another, send, remaining }) => {
        await send(numbered(15));
        const held = await receiveAll(source, 15);
        const other = another();
        const startedAtMs = performance.now();
        while (performance.now() - startedAtMs < 5_000) assert.deepEqual(await other.receive(100, neverStops), []);
        await source.settle(held.map((delivery) => ({ delivery, outcome: "loaded" })));
        assert.equal(await remaining(), 0);
      },
      { visibilitySeconds: 2 },
      unable.leases,
    );

    check(
      "does not hand over again what is in work and comes again, and removes it all the same",
      async ({ source, send, handOutAgain, remaining }) => {
        await send(numbered(5));
        const held = await receiveAll(source, 5);
        await handOutAgain(held);
        // each poll takes in what has become visible
        for (let polls = 0; polls < 3; polls += 1) assert.deepEqual(await source.receive(100, neverStops), []);
        await source.settle(held.map((delivery) => ({ delivery, outcome: "loaded" })));
        assert.equal(await remaining(), 0);
      },
      { visibilitySeconds: 30 },
      unable.leases,
    );

    check(
      "leaves to others what it has received and not handed over when it closes",
      async ({ source, another, send }) => {
        await send(numbered(30));
        const all = await receiveAll(source, 30);
        await source.settle(all.map((delivery) => ({ delivery, outcome: "returned" })));
        // at most ten of these are handed over together; some of the rest are here by then
        const inWork = (await source.receive(1_000, neverStops)) ?? [];
        await source.settle(inWork.map((delivery) => ({ delivery, outcome: "loaded" })));
        await source.close();
        assert.equal((await receiveAll(another(), 30 - inWork.length)).length, 30 - inWork.length);
      },
      { visibilitySeconds: 300 },
      unable.several,
    );

    check(
      "keeps the order in each group, with several lanes, and never gives one group to two of them",
      async ({ source, send }) => {
        const groups = ["a", "b", "c"];
        for (const group of groups) await send(numbered(20), group);
        const seen = new Map<string, number[]>(groups.map((group) => [group, []]));
        const inWork = new Set<string>();
        let returned = false;
        const lane = async (): Promise<void> => {
          while ([...seen.values()].some((places) => places.length < 20)) {
            const batch = (await source.receive(4, neverStops)) ?? [];
            const mine = new Set(batch.map(({ groupId }) => groupId ?? ""));
            for (const group of mine) assert.ok(!inWork.has(group), "two lanes have the same group");
            for (const group of mine) inWork.add(group);
            await new Promise((resolve) => setImmediate(resolve));
            // once, a whole batch goes back: what stands behind it must wait for it
            const goesBack = !returned && batch.some(({ groupId, body }) => groupId === "b" && body.includes("8"));
            returned ||= goesBack;
            for (const group of mine) inWork.delete(group);
            for (const { groupId, body } of goesBack ? [] : batch) {
              seen.get(groupId ?? "")?.push((JSON.parse(body) as { index: number }).index);
            }
            await source.settle(batch.map((delivery) => ({ delivery, outcome: goesBack ? "returned" : "loaded" })));
          }
        };
        await Promise.all([lane(), lane()]);
        const inOrder = Array.from({ length: 20 }, (_, index) => index);
        for (const group of groups) assert.deepEqual(seen.get(group), inOrder, `group ${group}`);
        assert.ok(returned);
      },
      { inGroups: true },
      unable.groups,
    );
  });
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => JSON.stringify({ index }));
}

/**
 * Receives until `count` messages have come; an empty answer in between is allowed, and so is a message that comes twice (a source
 * promises at least once, and servers that receive in parallel make use of it): its newest delivery counts.
 */
async function receiveAll(source: Source, count: number, seen: Map<string, Delivery> = new Map()): Promise<Delivery[]> {
  while (seen.size < count) {
    const more = await source.receive(Math.min(everything, count - seen.size), neverStops);
    assert.notEqual(more, null, "the source has not ended");
    for (const delivery of more ?? []) seen.set(delivery.id, delivery);
  }
  return [...seen.values()];
}
