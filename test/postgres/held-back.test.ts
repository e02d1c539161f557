import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { Batch, Delivery, Refusal } from "../../src/pipeline/ports.ts";
import { withoutHeldBack, withoutRepeats } from "../../src/postgres/batch-part.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import {
  connect,
  countRows,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  rowsOf,
} from "../harness/login-table.ts";

const fault = { reason: "missing", path: "ip", expected: "text", found: "absent" } as const;

function refusal(delivery: Delivery): Refusal {
  return { delivery, id: delivery.id, faults: [fault] };
}

/** As a source with groups says it: the refused ones, and all that stand behind one of them in its group. */
function behindInGroup(order: readonly Delivery[]): NonNullable<Batch["heldBack"]> {
  return (refused) => {
    const first = new Map<string, number>();
    for (const delivery of refused) {
      const { groupId } = delivery;
      if (groupId === null) continue;
      first.set(groupId, Math.min(first.get(groupId) ?? Number.POSITIVE_INFINITY, order.indexOf(delivery)));
    }
    return order.filter(({ groupId }, place) => groupId !== null && place >= (first.get(groupId) ?? Number.POSITIVE_INFINITY));
  };
}

/** A batch in which a group keeps its order. @param refused by place */
function groupedBatch(order: readonly Delivery[], refused: readonly number[], types: Readonly<Record<number, string>> = {}): Batch {
  const places = order.map((_, place) => place).filter((place) => !refused.includes(place));
  const rows = makeRows(places.map((place) => order[place] as Delivery));
  const columns = rows.columns.map((column, index) => (index === 1 ? places.map((place) => types[place] ?? "ios") : column));
  return {
    ...makeBatch(
      rowsOf(rows.deliveries, columns),
      refused.map((place) => refusal(order[place] as Delivery)),
    ),
    heldBack: behindInGroup(order),
  };
}

function inGroups(...groups: readonly (string | null)[]): Delivery[] {
  return groups.map((groupId) => makeDelivery({ groupId }));
}

suite("what goes back with a refused message", () => {
  test("is every delivery named, out of every part, and nothing twice", () => {
    const order = inGroups("a", "b", "a", null, "a");
    const batch = groupedBatch(order, [2]);
    const part = withoutHeldBack(withoutRepeats(batch), batch.heldBack, batch.refused);
    assert.deepEqual(part.heldBack, [order[4], order[2]]);
    assert.deepEqual(part.rows.deliveries, [order[0], order[1], order[3]]);
    assert.deepEqual(part.refused, []);
    const more = withoutHeldBack(part, batch.heldBack, [refusal(order[0] as Delivery)]);
    assert.deepEqual(new Set(more.heldBack), new Set([order[0], order[2], order[4]]));
    assert.equal(more.heldBack.length, 3);
  });

  test("holds the further deliveries of the same message, and those behind them in another group", () => {
    const [first, other, again, behind] = inGroups("a", "b", "b", "b");
    assert.ok(first && other && again && behind);
    const order = [first, other, { ...again, id: first.id }, behind];
    const batch = groupedBatch(order, [0, 2]);
    const start = withoutRepeats(batch);
    assert.equal(start.repeated.length, 1);
    const part = withoutHeldBack(start, batch.heldBack, start.refused);
    assert.deepEqual(part.rows.deliveries, [other]);
    assert.deepEqual(new Set(part.heldBack), new Set([order[0], order[2], order[3]]));
    assert.deepEqual(part.repeated, []);
  });

  test("leaves nothing behind a held message of its group, loses none and doubles none", () => {
    const message = fc.record({ group: fc.constantFrom("a", "b", "c", null), sameAs: fc.nat(8), refused: fc.boolean() });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
        const order = messages.map(({ group, sameAs }, place) =>
          makeDelivery({ groupId: group, id: `id ${sameAs % (place + 1)}`, handle: `handle ${place}` }),
        );
        const batch = groupedBatch(
          order,
          messages.flatMap(({ refused }, place) => (refused ? [place] : [])),
        );
        const start = withoutRepeats(batch);
        const part = withoutHeldBack(start, batch.heldBack, start.refused);
        const kept = [...part.rows.deliveries, ...part.refused.map(({ delivery }) => delivery)];
        const all = [...kept, ...part.repeated.map(({ delivery }) => delivery), ...part.heldBack];
        assert.equal(all.length, order.length);
        assert.deepEqual(new Set(all), new Set(order));
        const held = new Set(part.heldBack);
        for (const [place, delivery] of order.entries()) {
          if (held.has(delivery) || delivery.groupId === null) continue;
          assert.ok(!order.slice(0, place).some((before) => before.groupId === delivery.groupId && held.has(before)));
        }
        // what counts as a duplicate has its message in the batch
        const ids = new Set(kept.map(({ id }) => id));
        for (const { delivery } of part.repeated) assert.ok(ids.has(delivery.id));
      }),
    );
  });
});

suite("a sink that holds groups back", () => {
  let server: PostgresServer;
  let database: Database;
  before(async () => {
    server = await startPostgres();
    database = connect(server.url);
  });
  after(async () => {
    await database?.close();
    await server?.stop();
  });

  const check = "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))";

  test("returns what the contract or the database refuses with all behind it, writes nothing of it, and the account closes", async () => {
    const sink = await openLoginSink(database, "maskline", check);
    const order = inGroups("a", "b", "a", "b", "c", "a", "b", null);
    const settlements = await sink.load(groupedBatch(order, [3], { 2: "toaster", 7: "toaster" }));
    const outcome = new Map(settlements.map(({ delivery, ...rest }) => [order.indexOf(delivery), rest]));
    const back = { outcome: "returned", again: "later" };
    assert.deepEqual(
      order.map((_, place) => outcome.get(place)),
      [{ outcome: "loaded" }, { outcome: "loaded" }, back, back, { outcome: "loaded" }, back, back, { outcome: "quarantined" }],
    );
    assert.equal(await countRows(database, "user_logins"), 3);
    assert.equal(await countRows(database, "maskline.receipt"), 4);
    assert.equal(await countRows(database, "maskline.quarantine"), 1);
    const [account] = await readAccounts(database, "maskline", null, 1);
    assert.deepEqual(
      [account?.received, account?.loaded, account?.quarantined, account?.returned, account?.difference],
      [8, 3, 1, 4, 0],
    );
  });

  test("what went back loads when it comes again", async () => {
    const sink = await openLoginSink(database);
    const order = inGroups("a", "a", "a");
    assert.deepEqual(outcomesOf(await sink.load(groupedBatch(order, [1]))), { loaded: 1, returned: 2 });
    const again = groupedBatch(order, []);
    const settlements = await sink.load({ ...again, position: { ...again.position, sequence: 2, received: 6 } });
    assert.deepEqual(outcomesOf(settlements), { loaded: 2, duplicate: 1 });
    const [account] = await readAccounts(database, "maskline", null, 1);
    assert.equal(account?.difference, 0);
  });

  test("a refused message that was quarantined before is a duplicate and holds up nobody", async () => {
    const sink = await openLoginSink(database, "maskline", check);
    const order = inGroups("a", "a", "a");
    const { heldBack: _, ...goesOn } = groupedBatch(order, [0]);
    assert.deepEqual(outcomesOf(await sink.load(goesOn)), { loaded: 2, quarantined: 1 });
    const behind = [...order, ...inGroups("a", "a")];
    const batch = groupedBatch(behind, [0], { 4: "toaster" });
    const settlements = await sink.load({ ...batch, position: { ...batch.position, sequence: 2, received: 8 } });
    assert.deepEqual(outcomesOf(settlements), { loaded: 1, duplicate: 3, returned: 1 });
  });

  test("a table that refuses every row alike stops the run all the same", async () => {
    const sink = await openLoginSink(database, "maskline", "ALTER TABLE user_logins ADD CHECK (device_type = 'none')");
    await assert.rejects(sink.load(groupedBatch(inGroups("a", "a"), [])), { code: "target_misfit" });
  });
});
