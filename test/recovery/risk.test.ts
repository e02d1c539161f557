import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { frequencyOf, frequentValues, groupFiguresOf, type SizeCount, type ValueCounts } from "../../src/recovery/risk.ts";

/** What SQL makes of a column: by hand. */
function countsOf(occurrences: readonly number[], nulls: number): ValueCounts {
  return {
    rows: occurrences.reduce((sum, n) => sum + n, nulls),
    nulls,
    distinct: occurrences.length,
    top: occurrences.toSorted((left, right) => right - left).slice(0, frequentValues),
    weighted: occurrences.reduce((sum, n) => sum + n * Math.log2(n), 0),
  };
}

const occurrences = fc.array(fc.integer({ min: 1, max: 10_000 }), { maxLength: 60 });

test("the entropy is Shannon's, and lies between what the most frequent value and the number of values allow", () => {
  fc.assert(
    fc.property(occurrences, fc.nat(50), (counts, nulls) => {
      const { entropyBits, topShare } = frequencyOf(countsOf(counts, nulls));
      const all = counts.reduce((sum, n) => sum + n, 0);
      const shannon = counts.reduce((sum, n) => sum - (n / all) * Math.log2(n / all), 0);
      assert.ok(Math.abs(entropyBits - shannon) < 1e-9, `${entropyBits} is not ${shannon}`);
      assert.ok(entropyBits >= 0 && entropyBits <= Math.log2(Math.max(1, counts.length)));
      // the min-entropy is never more than Shannon's
      if (topShare !== null) assert.ok(-Math.log2(topShare) <= entropyBits + 1e-9);
    }),
  );
});

test("values that occur equally often give log2 of their number exactly, one value gives nothing", () => {
  for (const bits of [0, 1, 5, 10]) {
    const { entropyBits, topShare } = frequencyOf(countsOf(Array<number>(2 ** bits).fill(7), 3));
    assert.ok(Math.abs(entropyBits - bits) < 1e-9);
    assert.equal(topShare, 1 / 2 ** bits);
  }
});

test("shares are of the rows with a value, and a column without one has none", () => {
  assert.deepEqual(frequencyOf(countsOf([6, 3, 1], 30)), { ...frequencyOf(countsOf([6, 3, 1], 0)), rows: 40, nulls: 30 });
  assert.equal(frequencyOf(countsOf([6, 3, 1], 30)).topShare, 0.6);
  assert.equal(frequencyOf(countsOf(Array<number>(20).fill(1), 0)).topTenShare, 0.5);
  const empty = { rows: 4, nulls: 4, distinct: 0, topShare: null, topTenShare: null, entropyBits: 0 };
  assert.deepEqual(frequencyOf(countsOf([], 4)), empty);
});

test("the figures of groups are those of a count group by group", () => {
  const people = fc.array(fc.record({ size: fc.integer({ min: 1, max: 12 }), more: fc.nat(5) }), { maxLength: 50 });
  fc.assert(
    fc.property(people, fc.integer({ min: 2, max: 12 }), (drawn, k) => {
      const groups = drawn.map(({ size, more }) => ({ size, rows: size + more }));
      const sizes = [...Map.groupBy(groups, ({ size }) => size)].map(([size, equal]): SizeCount => ({
        size,
        groups: equal.length,
        rows: equal.reduce((sum, { rows }) => sum + rows, 0),
      }));
      const figures = groupFiguresOf(sizes, k);
      const below = groups.filter(({ size }) => size < k);
      const rowsOf = (some: readonly { readonly rows: number }[]): number => some.reduce((sum, { rows }) => sum + rows, 0);
      assert.deepEqual(
        { ...figures, sizesBelow: figures.sizesBelow.map(({ size }) => size) },
        {
          k,
          groups: groups.length,
          rows: rowsOf(groups),
          smallest: groups.length === 0 ? null : Math.min(...groups.map(({ size }) => size)),
          groupsBelow: below.length,
          rowsBelow: rowsOf(below),
          sizesBelow: [...new Set(below.map(({ size }) => size))].sort((left, right) => left - right),
        },
      );
    }),
  );
});
