import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Arrivals } from "../../../src/sources/sqs/arrivals.ts";
import { Lease } from "../../../src/sources/sqs/leases.ts";

let ids = 0;

function arrival(attempt: number, groupId: string | null = null, bytes = 1_000): Lease {
  const id = `m${(ids += 1)}`;
  const delivery = { id, body: "", sentAtMs: null, receivedAtMs: 0, attempt, groupId, attributes: {}, handle: id };
  return new Lease(delivery, bytes, { expiresAtMs: 0, renewAtMs: 0, extendUntilMs: 0 });
}

const idsOf = (leases: readonly Lease[]): string[] => leases.map(({ id }) => id);
const kindOf = ({ attempt }: Lease): string => (attempt === 1 ? "fresh" : attempt <= 3 ? "again" : "alone");
const mostOf: Readonly<Record<string, number>> = { fresh: Infinity, again: 10, alone: 1 };

test("messages come out in the order they came in", () => {
  const arrivals = new Arrivals();
  const all = Array.from({ length: 25 }, () => arrival(1));
  for (const one of all) arrivals.add(one);
  assert.deepEqual(idsOf([...arrivals.take(10, 1e9), ...arrivals.take(100, 1e9)]), idsOf(all));
  assert.equal(arrivals.size, 0);
  assert.equal(arrivals.isReady, false);
});

test("a batch closes at its bytes, and a message larger than that goes alone", () => {
  const arrivals = new Arrivals();
  for (const bytes of [400, 400, 400, 5_000, 400]) arrivals.add(arrival(1, null, bytes));
  assert.deepEqual(
    Array.from({ length: 4 }, () => arrivals.take(100, 1_000).length),
    [2, 1, 1, 1],
  );
});

/** What a test does: a message comes, a lane takes a batch, or the oldest or newest batch in work settles. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ attempt: fc.constantFrom(1, 1, 1, 2, 3, 4, 7), group: fc.constantFrom(null, "a", "b", "c") }),
  },
  { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ settle: fc.boolean() }) },
);

test("whatever comes, a group keeps its order and is in one batch at a time, kinds are not mixed, and everything comes out", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const arrivals = new Arrivals();
      const came: Lease[] = [];
      const inWork: (readonly Lease[])[] = [];
      const out: Lease[] = [];
      const take = (limit: number): boolean => {
        if (!arrivals.isReady) return false;
        const batch = arrivals.take(limit, 8_000);
        const [first] = batch;
        assert.ok(first, "what is ready can be taken");
        assert.ok(batch.length <= Math.min(limit, mostOf[kindOf(first)] ?? 0, 8));
        assert.ok(batch.every((one) => kindOf(one) === kindOf(first)));
        const busy = new Set(inWork.flat().map(({ groupId }) => groupId));
        for (const { groupId } of batch) assert.ok(groupId === null || !busy.has(groupId), "a group is in work once");
        inWork.push(batch);
        out.push(...batch);
        return true;
      };
      const settle = (batch: readonly Lease[] | undefined): void => {
        for (const { groupId } of batch ?? []) if (groupId !== null) arrivals.settled(groupId);
      };
      for (const one of steps) {
        if ("take" in one) take(one.take);
        else if ("settle" in one) settle(one.settle ? inWork.shift() : inWork.pop());
        else {
          const next = arrival(one.attempt, one.group);
          came.push(next);
          arrivals.add(next);
        }
        assert.equal(arrivals.size, came.length - out.length);
      }
      while (inWork.length > 0 || arrivals.isReady) if (!take(5)) settle(inWork.shift());
      assert.equal(out.length, came.length, "everything comes out");
      for (const group of ["a", "b", "c"]) {
        const of = (all: readonly Lease[]): string[] => idsOf(all.filter(({ groupId }) => groupId === group));
        assert.deepEqual(of(out), of(came));
      }
    }),
    { numRuns: 500 },
  );
});

test("what is taken out takes along what stands behind it in its group, and nothing else", () => {
  const arrivals = new Arrivals();
  const [a1, b1, a2, none, a3] = [arrival(1, "a"), arrival(1, "b"), arrival(2, "a"), arrival(1), arrival(1, "a")];
  for (const one of [a1, b1, a2, none, a3]) arrivals.add(one);
  assert.deepEqual(idsOf(arrivals.remove(new Set([a1]))), idsOf([a1, a2, a3]));
  assert.deepEqual(idsOf(arrivals.take(10, 1e9)), idsOf([b1, none]));
  const later = arrival(1, "a");
  arrivals.add(later);
  assert.deepEqual(idsOf(arrivals.take(10, 1e9)), idsOf([later]), "the group goes on");
});
