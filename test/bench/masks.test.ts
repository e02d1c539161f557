import assert from "node:assert/strict";
import { test } from "node:test";

import { makeEntries } from "../../bench/entry.ts";
import { maskPlans } from "../../bench/mask-plans.ts";
import { measure } from "../../bench/measure.ts";

const { entries } = makeEntries(maskPlans);

for (const { name, prove } of entries) {
  test(`the benchmark's ${name}: what is timed gives what a separate implementation gives`, prove);
}

test("the benchmark names every entry once, and says what is not built", () => {
  const names = maskPlans.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const made = makeEntries([
    ...maskPlans.slice(0, 1),
    {
      name: "later",
      make: () => {
        throw new Error("later is not built yet");
      },
    },
  ]);
  assert.deepEqual(made.absent, [{ name: "later", reason: "later is not built yet" }]);
  assert.equal(made.entries.length, 1);
});

test("a ratio is the baseline's time by the entry's, of one round", () => {
  const spin = (turns: number) => (): number => {
    for (let turn = 0, sum = 0; turn < turns * 1000; turn += 1) sum = Math.sin(sum + turn);
    return 1;
  };
  const entry = { name: "", unit: "value", prove: () => {}, target: null } as const;
  const [measured] = measure([{ ...entry, pass: spin(1), baseline: { name: "", pass: spin(50) } }], 3);
  assert.ok(measured !== undefined && measured.ratio.median > 5, "fifty times the work takes more than five times as long");
  assert.ok(measured.ratio.least <= measured.ratio.median && measured.ratio.median <= measured.ratio.most);
});
