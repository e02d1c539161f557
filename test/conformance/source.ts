import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Delivery, Outcome, Source } from "../../src/pipeline/ports.ts";

/** A fresh source with its own empty queue behind it, and a way to put messages there. */
export interface SourceUnderTest {
  readonly source: Source;
  send(bodies: readonly string[]): Promise<void>;
  /** Messages that are there and not deleted, visible or not. */
  remaining(): Promise<number>;
  close(): Promise<void>;
}

const neverStops = new AbortController().signal;
const everything = 10_000;

/** What every source must do (ports.ts), whatever is behind it. `open` is called once for each test. */
export function sourceConformance(name: string, open: () => Promise<SourceUnderTest>): void {
  const check = (title: string, body: (under: SourceUnderTest) => Promise<void>): void => {
    test(title, { timeout: 60_000 }, async () => {
      const under = await open();
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
