import assert from "node:assert/strict";
import { test } from "node:test";

import { makeEntries } from "../../bench/entry.ts";
import { maskPlans } from "../../bench/mask-plans.ts";
import { measure } from "../../bench/measure.ts";

const entries = makeEntries(maskPlans);

for (const { name, prove } of entries) {
  test(`the benchmark's ${name}: what is timed gives what a separate implementation gives`, prove);
}

test("the benchmark names every entry once", () => {
  const names = maskPlans.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test("a ratio is the baseline's time by the entry's, of one round", () => {
  let nowMicroseconds = 0;
  const takes = (microseconds: number) => (): number => {
    nowMicroseconds += microseconds;
    return 10;
  };
  const entry = { name: "", unit: "value", prove: () => {}, target: null } as const;
  const [measured] = measure(
    [{ ...entry, pass: takes(100), baseline: { name: "", pass: takes(5_000) } }],
    3,
    () => nowMicroseconds,
  );
  assert.deepEqual(measured?.ratio, { median: 50, least: 50, most: 50 });
  assert.deepEqual([measured.nanoseconds, measured.baselineNanoseconds], [10_000, 500_000]);
});
