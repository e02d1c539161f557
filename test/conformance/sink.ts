import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Batch, Delivery, LedgerPosition, Refusal, Settlement, Sink } from "../../src/pipeline/ports.ts";
import { makeBatch, makeDelivery, makeRows, outcomesOf, position } from "../harness/login-table.ts";

/** A sink on an empty table with the login columns, and what can be seen of it from outside. */
export interface SinkUnderTest {
  readonly sink: Sink;
  /** The first column of every row that is there. */
  rows(): Promise<readonly string[]>;
  account(): Promise<SinkAccount>;
  /** From now on every load fails, after all of it has been written as far as it can be. */
  breakDown(): Promise<void>;
  repair(): Promise<void>;
  close(): Promise<void>;
}

/** What the ledger says of all there was. */
export interface SinkAccount {
  readonly received: number;
  /** Loaded, duplicate or quarantined. */
  readonly settled: number;
  readonly returned: number;
  /** Whether every lane has its closing row. */
  readonly closed: boolean;
}

const nothing: SinkAccount = { received: 0, settled: 0, returned: 0, closed: false };

/** What every sink must do (ports.ts), whatever is behind it. `open` is called once for each test. */
export function sinkConformance(name: string, open: () => Promise<SinkUnderTest>): void {
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

  suite(`sink conformance: ${name}`, () => {
    check("loads each row once and settles each delivery", async ({ sink, rows, account }) => {
      const deliveries = some(25);
      const settlements = await sink.load(makeBatch(makeRows(deliveries)));
      settledAre(settlements, deliveries);
      assert.deepEqual(outcomesOf(settlements), { loaded: 25 });
      assert.deepEqual([...(await rows())].sort(), idsOf(deliveries));
      assert.deepEqual(await account(), { ...nothing, received: 25, settled: 25 });
    });

    check("the same batch again has no further effect", async ({ sink, rows, account }) => {
      const deliveries = some(10);
      await sink.load(makeBatch(makeRows(deliveries)));
      const again = deliveries.map((delivery) => ({ ...delivery, attempt: 2, handle: `again ${delivery.id}` }));
      const settlements = await sink.load(makeBatch(makeRows(again), [], { sequence: 2, received: 20 }));
      settledAre(settlements, again);
      assert.deepEqual(outcomesOf(settlements), { duplicate: 10 });
      assert.deepEqual([...(await rows())].sort(), idsOf(deliveries));
      assert.deepEqual(await account(), { ...nothing, received: 20, settled: 20 });
    });

    check("a batch that is new in part loads that part", async ({ sink, rows }) => {
      const [known, fresh] = [some(5), some(5)];
      await sink.load(makeBatch(makeRows(known)));
      const mixed = [...fresh.slice(0, 2), ...known, ...fresh.slice(2)];
      const settlements = await sink.load(makeBatch(makeRows(mixed), [], { sequence: 2, received: 15 }));
      assert.deepEqual(outcomesOf(settlements), { loaded: 5, duplicate: 5 });
      for (const { delivery, outcome } of settlements) assert.equal(outcome, known.includes(delivery) ? "duplicate" : "loaded");
      assert.deepEqual([...(await rows())].sort(), idsOf([...known, ...fresh]));
    });

    check("a message that stands in a batch twice has one effect, and each delivery its own settlement", async ({ sink, rows }) => {
      const [first, second] = some(2);
      assert.ok(first && second);
      const again = { ...first, attempt: 2, handle: "the newer one" };
      const refusedTwice = [refused(second), refused({ ...second, handle: "also newer" })];
      const settlements = await sink.load(makeBatch(makeRows([first, again]), refusedTwice));
      settledAre(settlements, [first, again, ...refusedTwice.map(({ delivery }) => delivery)]);
      assert.deepEqual(outcomesOf(settlements), { loaded: 1, quarantined: 1, duplicate: 2 });
      assert.deepEqual(await rows(), [first.id]);
    });

    check("a refused message that comes again is a duplicate", async ({ sink, rows, account }) => {
      const deliveries = some(3);
      const refusals = deliveries.map(refused);
      const first = await sink.load(makeBatch(makeRows([]), refusals));
      settledAre(first, deliveries);
      assert.deepEqual(outcomesOf(first), { quarantined: 3 });
      const again = await sink.load(makeBatch(makeRows([]), refusals, { sequence: 2, received: 6 }));
      assert.deepEqual(outcomesOf(again), { duplicate: 3 });
      assert.deepEqual(await rows(), []);
      assert.deepEqual(await account(), { ...nothing, received: 6, settled: 6 });
    });

    check("the first outcome stays: what was refused is not loaded later, what was loaded not refused", async ({ sink, rows }) => {
      const [good, bad] = some(2);
      assert.ok(good && bad);
      await sink.load(makeBatch(makeRows([good]), [refused(bad)]));
      const turned = await sink.load(makeBatch(makeRows([bad]), [refused(good)], { sequence: 2, received: 4 }));
      assert.deepEqual(outcomesOf(turned), { duplicate: 2 });
      assert.deepEqual(await rows(), [good.id]);
    });

    check("rows, refusals and repeats in one batch are told apart", async ({ sink, rows, account }) => {
      const old = some(2);
      await sink.load(makeBatch(makeRows(old)));
      const [fresh, bad] = [some(3), some(2)];
      const batch = makeBatch(makeRows([...fresh, ...old, ...fresh.slice(0, 1)]), bad.map(refused), { sequence: 2, received: 10 });
      const settlements = await sink.load(batch);
      settledAre(settlements, [...batch.rows.deliveries, ...bad]);
      assert.deepEqual(outcomesOf(settlements), { loaded: 3, duplicate: 3, quarantined: 2 });
      assert.deepEqual([...(await rows())].sort(), idsOf([...old, ...fresh]));
      assert.deepEqual(await account(), { ...nothing, received: 10, settled: 10 });
    });

    check("messages whose source does not say when they were sent are told apart by their ids alone", async ({ sink, rows }) => {
      const deliveries = some(2).map((delivery) => ({ ...delivery, sentAtMs: null }));
      assert.deepEqual(outcomesOf(await sink.load(makeBatch(makeRows(deliveries)))), { loaded: 2 });
      const again = await sink.load(makeBatch(makeRows(deliveries), [], { sequence: 2, received: 4 }));
      assert.deepEqual(outcomesOf(again), { duplicate: 2 });
      assert.equal((await rows()).length, 2);
    });

    check("an empty batch settles nothing and is still counted", async ({ sink, account }) => {
      assert.deepEqual(await sink.load(makeBatch(makeRows([]), [], { received: 3 })), []);
      assert.deepEqual(await account(), { ...nothing, received: 3 });
    });

    check("a batch that is loaded again at its position has the outcomes it had, once", async ({ sink, rows, account }) => {
      const [known, ...fresh] = some(5);
      assert.ok(known);
      await sink.load(makeBatch(makeRows([known])));
      const batch = makeBatch(makeRows([known, ...fresh]), some(2).map(refused), { sequence: 2, received: 8 });
      const outcomes = outcomesOf(await sink.load(batch));
      assert.deepEqual(outcomes, { loaded: 4, duplicate: 1, quarantined: 2 });
      assert.deepEqual(outcomesOf(await sink.load(batch)), outcomes);
      assert.equal((await rows()).length, 5);
      assert.deepEqual(await account(), { ...nothing, received: 8, settled: 8 });
    });

    check("what was given up is in the account, unless its load is durable after all", async ({ sink, account }) => {
      const durable = makeBatch(makeRows(some(4)), [], { received: 4 });
      await sink.load(durable);
      await sink.abandon(durable.position, 4);
      assert.deepEqual(await account(), { ...nothing, received: 4, settled: 4 });
      const lost = position({ sequence: 2, received: 7 });
      await sink.abandon(lost, 3);
      await sink.abandon(lost, 3);
      assert.deepEqual(await account(), { ...nothing, received: 7, settled: 4, returned: 3 });
    });

    check("a probe writes nothing", async ({ sink, rows, account }) => {
      await sink.probe();
      await sink.probe();
      assert.deepEqual([await rows(), await account()], [[], nothing]);
    });

    check(
      "when a load throws, nothing of it is durable, and the same load works later",
      async ({ sink, rows, account, ...under }) => {
        const batch = makeBatch(makeRows(some(4)), some(2).map(refused));
        await under.breakDown();
        await assert.rejects(sink.load(batch));
        assert.deepEqual(await rows(), []);
        assert.deepEqual(await account(), nothing);
        await under.repair();
        assert.deepEqual(outcomesOf(await sink.load(batch)), { loaded: 4, quarantined: 2 });
        assert.deepEqual(await account(), { ...nothing, received: 6, settled: 6 });
      },
    );

    check("when a body cannot be sealed, the load throws and nothing of it is durable", async ({ sink, rows, account }) => {
      const whole = makeBatch(makeRows(some(2)), some(2).map(refused));
      const unsealed: Batch = { ...whole, seal: () => Promise.reject(new RangeError("no key")) };
      await assert.rejects(sink.load(unsealed), RangeError);
      assert.deepEqual(await rows(), []);
      assert.deepEqual(await account(), nothing);
      assert.deepEqual(outcomesOf(await sink.load(whole)), { loaded: 2, quarantined: 2 });
    });

    check("loads side by side that share messages load each once", async ({ sink, rows }) => {
      const deliveries = some(60);
      const lanes = [deliveries, [...deliveries].reverse(), deliveries.slice(20)];
      const all = await Promise.all(lanes.map((share, lane) => sink.load(makeBatch(makeRows(share), [], { lane }))));
      assert.deepEqual(outcomesOf(all.flat()), { loaded: 60, duplicate: 100 });
      assert.deepEqual([...(await rows())].sort(), idsOf(deliveries));
    });

    check("a lane that ends in order closes its account", async ({ sink, account }) => {
      const at = (parts: Partial<LedgerPosition>): LedgerPosition => position({ received: 8, ...parts });
      await sink.load(makeBatch(makeRows(some(5)), [], { received: 5 }));
      assert.equal((await account()).closed, false);
      await sink.abandon(at({ sequence: 2 }), 3);
      await sink.closeLane(at({ sequence: 3 }));
      assert.deepEqual(await account(), { received: 8, settled: 5, returned: 3, closed: true });
    });
  });
}

function some(count: number): Delivery[] {
  return Array.from({ length: count }, () => makeDelivery());
}

function refused(delivery: Delivery): Refusal {
  return { delivery, id: delivery.id, faults: [{ reason: "missing", path: "ip", expected: "text", found: "absent" }] };
}

function idsOf(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries.map(({ id }) => id).sort();
}

/** Each delivery, by its own handle, exactly once. */
function settledAre(settlements: readonly Settlement[], deliveries: readonly Delivery[]): void {
  assert.deepEqual(settlements.map(({ delivery }) => delivery.handle).sort(), deliveries.map(({ handle }) => handle).sort());
}
