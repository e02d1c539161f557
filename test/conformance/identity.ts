import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Delivery, Refusal, Rows } from "../../src/pipeline/ports.ts";
import { makeBatch, makeDelivery, makeRows, outcomesOf } from "../harness/login-table.ts";
import type { SinkUnderTest } from "./sink.ts";

/** What a sink must do beside (sink.ts) where messages are known by an identity: other ids and sent times change nothing. */
export function identityConformance(name: string, open: () => Promise<SinkUnderTest>): void {
  const check = (title: string, body: (under: SinkUnderTest) => Promise<void>): void => {
    test(title, { timeout: 60_000 }, async () => {
      const under = await open();
      try {
        await body(under);
      } finally {
        await under.close();
      }
    });
  };

  suite(`sink conformance by identity: ${name}`, () => {
    check("two messages with one identity have one effect, in one batch", async ({ sink, rows, account }) => {
      const [first, second, other] = [makeDelivery(), makeDelivery(), makeDelivery()];
      const settlements = await sink.load(makeBatch(known([first, second, other], ["a", "a", "b"])));
      assert.deepEqual(
        settlements.map(({ delivery, outcome }) => [delivery.id, outcome]).sort(),
        [
          [first.id, "loaded"],
          [second.id, "duplicate"],
          [other.id, "loaded"],
        ].sort(),
      );
      assert.deepEqual([...(await rows())].sort(), [first.id, other.id].sort());
      assert.deepEqual(await account(), { received: 3, settled: 3, returned: 0, closed: false });
    });

    check("in batches one after the other, days apart, with or without a sent time", async ({ sink, rows }) => {
      const first = makeDelivery();
      await sink.load(makeBatch(known([first], ["a"])));
      const later = makeDelivery({ sentAtMs: (first.sentAtMs ?? 0) + 3 * 86_400_000 });
      const timeless = makeDelivery({ sentAtMs: null });
      const settlements = await sink.load(makeBatch(known([later, timeless], ["a", "a"]), [], { sequence: 2, received: 3 }));
      assert.deepEqual(outcomesOf(settlements), { duplicate: 2 });
      assert.deepEqual(await rows(), [first.id]);
    });

    check("in loads side by side", async ({ sink, rows }) => {
      const identities = Array.from({ length: 60 }, (_, place) => `order-${place}`);
      const shares = [identities, identities.toReversed(), identities.slice(20)];
      const loads = shares.map((ids, lane) =>
        sink.load(
          makeBatch(
            known(
              ids.map(() => makeDelivery()),
              ids,
            ),
            [],
            { lane },
          ),
        ),
      );
      assert.deepEqual(outcomesOf((await Promise.all(loads)).flat()), { loaded: 60, duplicate: 100 });
      assert.equal((await rows()).length, 60);
    });

    check("refused ones too: the first outcome stays", async ({ sink, rows }) => {
      const first = await sink.load(makeBatch(known([makeDelivery()], ["a"]), [refused("b"), refused("b")]));
      assert.deepEqual(outcomesOf(first), { loaded: 1, quarantined: 1, duplicate: 1 });
      const turned = makeBatch(known([makeDelivery()], ["b"]), [refused("a")], { sequence: 2, received: 5 });
      assert.deepEqual(outcomesOf(await sink.load(turned)), { duplicate: 2 });
      assert.equal((await rows()).length, 1);
    });

    check("messages of one id and sent time are two where their identities are", async ({ sink, rows }) => {
      const delivery = makeDelivery();
      const settlements = await sink.load(makeBatch(known([delivery, { ...delivery, handle: "other" }], ["a", "A"])));
      assert.deepEqual(outcomesOf(settlements), { loaded: 2 });
      assert.equal((await rows()).length, 2);
    });
  });
}

function known(deliveries: readonly Delivery[], ids: readonly string[]): Rows {
  return { ...makeRows(deliveries), ids };
}

function refused(id: string): Refusal {
  return { delivery: makeDelivery(), id, faults: [{ reason: "missing", path: "ip", expected: "text", found: "absent" }] };
}
