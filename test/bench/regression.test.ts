import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import type { Baseline } from "../../bench/rig/baseline.ts";
import { chanceOfLower, compareWithBaseline } from "../../bench/rig/regression.ts";
import { median, spreadOf } from "../../bench/rig/statistics.ts";

type Row = Baseline["rows"][number];

const machine = { cpu: "", cores: 2, memoryBytes: 0, system: "", node: "", postgres: "", commit: "", at: "" };
const row = (ratios: readonly number[], better: Row["better"] = "higher"): Row => ({
  workload: "w",
  against: "a",
  better,
  unit: "x",
  ratios,
});

function verdict(before: readonly number[], now: readonly number[], better: Row["better"] = "higher", tolerance = 0.1): string {
  const baseline: Baseline = { machine, quick: false, rows: [row(before, better)] };
  return compareWithBaseline(baseline, { rows: [row(now, better)] }, tolerance)[0]?.verdict ?? "";
}

const steady = [4.9, 5, 5.1, 5.2, 5.05];

test("a ratio that has fallen in every round is a regression where higher is better, and an improvement where lower is", () => {
  const fallen = steady.map((ratio) => ratio * 0.8);
  assert.equal(verdict(steady, fallen), "regression");
  assert.equal(verdict(steady, fallen, "lower"), "improvement");
  assert.equal(verdict(fallen, steady), "improvement");
  assert.equal(verdict(fallen, steady, "lower"), "regression");
});

test("rounds that overlap are noise, however far their medians are apart", () => {
  assert.equal(verdict([2, 4, 5, 6, 9], [1.5, 2.5, 3, 3.5, 8]), "as before");
});

test("a change within the tolerance is none, however sure", () => {
  const slightly = steady.map((ratio) => ratio * 0.93);
  assert.equal(verdict(steady, slightly), "as before");
  assert.equal(verdict(steady, slightly, "higher", 0.01), "regression");
});

test("with fewer than five rounds nothing can be said, and of what was not measured nothing is", () => {
  assert.equal(verdict(steady, [1, 1, 1, 1]), "too few rounds");
  const baseline: Baseline = { machine, quick: false, rows: [row(steady)] };
  assert.equal(compareWithBaseline(baseline, { rows: [] }, 0.1)[0]?.verdict, "not measured");
});

test("the chance is that of the rank test's tables", () => {
  // one-sided exact values: all five below all five is 1 of C(10,5) = 252 splits
  assert.equal(chanceOfLower([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 1 / 252);
  assert.equal(chanceOfLower([1, 2, 3, 4, 6], [5, 7, 8, 9, 10]), 2 / 252);
  assert.equal(chanceOfLower([6, 7, 8, 9, 10], [1, 2, 3, 4, 5]), 1);
  assert.equal(chanceOfLower([1, 1, 1], [1, 1, 1]), 1);
});

test("the chance is a count of splits, so it agrees with trying them all", () => {
  const few = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(few, few, (lower, higher) => {
      const all = [...lower, ...higher];
      const rank = (value: number): number =>
        all.filter((other) => other < value).length + all.filter((other) => other === value).length / 2;
      const observed = lower.reduce((sum, value) => sum + rank(value), 0);
      let [asLow, splits] = [0, 0];
      for (let chosen = 0; chosen < 2 ** all.length; chosen += 1) {
        const group = all.filter((_, place) => (chosen >> place) % 2 === 1);
        if (group.length !== lower.length) continue;
        splits += 1;
        if (group.reduce((sum, value) => sum + rank(value), 0) <= observed) asLow += 1;
      }
      assert.ok(Math.abs(chanceOfLower(lower, higher) - asLow / splits) < 1e-12);
    }),
  );
});

test("nothing that is drawn from one distribution is often called a regression", () => {
  let called = 0;
  let state = 1;
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let trial = 0; trial < 2_000; trial += 1) {
    const draw = (): readonly number[] => Array.from({ length: 5 }, () => 5 * (0.6 + 0.8 * random()));
    if (verdict(draw(), draw()) === "regression") called += 1;
  }
  assert.ok(called <= 20, `${called} of 2,000`);
});

test("bench:compare ends with 1 where a row has become worse, with 0 where none has", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-compare-"));
  try {
    const file = async (name: string, ratios: readonly number[], quick = false): Promise<string> => {
      await writeFile(path.join(folder, name), JSON.stringify({ machine, quick, rows: [row(ratios)] }));
      return path.join(folder, name);
    };
    const before = await file("before.json", steady);
    const worse = await file(
      "worse.json",
      steady.map((ratio) => ratio / 2),
    );
    const compare = (now: string): SpawnSyncReturns<string> =>
      spawnSync(process.execPath, [path.resolve(import.meta.dirname, "../../bench/compare.ts"), before, now], { encoding: "utf8" });
    assert.deepEqual([compare(worse).status, compare(before).status], [1, 0]);
    assert.match(compare(worse).stdout, /^REGRESSION +w +a +x 0\.500 +chance 0\.0040$/m);
    const quick = compare(await file("quick.json", steady, true));
    assert.notEqual(quick.status, 0);
    assert.match(quick.stderr, /of a --quick run/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a median is the middle, and a spread reaches from the least to the most", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
});
