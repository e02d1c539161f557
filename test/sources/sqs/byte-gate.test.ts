import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import fc from "fast-check";

import { ByteGate } from "../../../src/sources/sqs/byte-gate.ts";

const never = new AbortController().signal;

test("never holds more than its capacity but for one answer alone, and admits everything in the order it came", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 10 }),
      async (answers, choices) => {
        const gate = new ByteGate(100, () => {});
        const held: number[] = [];
        const order: number[] = [];
        const all = answers.map(async (bytes, place) => {
          assert.equal(await gate.admit(bytes, never), true);
          order.push(place);
          held.push(bytes);
          assert.ok(gate.used <= 100 || held.length === 1, `${gate.used} bytes of ${held.length} answers`);
        });
        for (let step = 0; order.length < answers.length; step += 1) {
          await turn();
          // any of those held may go first
          const [gone] = held.splice((choices[step % choices.length] ?? 0) % Math.max(1, held.length), 1);
          if (gone !== undefined) gate.giveBack(gone);
        }
        await Promise.all(all);
        assert.deepEqual(order, [...answers.keys()]);
        for (const bytes of held) gate.giveBack(bytes);
        assert.equal(gate.used, 0);
      },
    ),
  );
});

test("one that gives up waiting makes way for those behind it", async () => {
  const gate = new ByteGate(100, () => {});
  assert.equal(await gate.admit(80, never), true);
  const patience = new AbortController();
  const large = gate.admit(90, patience.signal);
  const small = gate.admit(10, never);
  assert.equal(gate.fits(1), false, "nobody overtakes the one that waits");
  patience.abort();
  assert.equal(await large, false);
  assert.equal(await small, true);
  assert.equal(gate.used, 90);
});

test("what an answer weighed while it was read becomes what it weighs when it is held", async () => {
  let told = 0;
  const gate = new ByteGate(100, () => (told += 1));
  assert.equal(gate.tryAdmit(500), true, "nothing is held: whatever its size");
  assert.equal(gate.tryAdmit(1), false);
  gate.exchange(500, 40);
  assert.equal(gate.used, 40);
  assert.equal(told, 1);
  assert.equal(gate.tryAdmit(60), true);
});
