import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { barChart } from "../../bench/rig/bar-chart.ts";
import { charts } from "../../bench/rig/charts.ts";
import { joinResults } from "../../bench/rig/joined-results.ts";
import { fillPage, figureTable, goalTable, machineText } from "../../bench/rig/report-page.ts";
import type { Results } from "../../bench/rig/result.ts";
import { measureRounds } from "../../bench/rig/rounds.ts";
import type { Contestant, Series } from "../../bench/rig/workload.ts";

/** Answers with the next of its figures each time it is asked. */
function scripted(name: string, costs: readonly number[], log: string[]): Contestant {
  let place = 0;
  return {
    name,
    label: `${name} <&"`,
    measure: async () => {
      log.push(name);
      place += 1;
      return { consumerMicros: costs[place - 1] ?? Number.NaN };
    },
  };
}

function series(log: string[]): Series {
  return {
    contestants: [scripted("maskline", [10, 12, 8], log), scripted("peer", [50, 72, 32], log)],
    missing: [{ name: "python", reason: "it is not here" }],
    rows: ["peer", "python"].map((name) => ({
      workload: "queue",
      against: name,
      of: ["maskline", name],
      ratio: (own, other) => (other?.["consumerMicros"] ?? Number.NaN) / (own?.["consumerMicros"] ?? Number.NaN),
      better: "higher",
      goal: 4.5,
      unit: "x",
    })),
    shown: [{ figure: "consumerMicros", title: "CPU", digits: 1 }],
  };
}

const machine = {
  cpu: "a <cpu>",
  cores: 2,
  memoryBytes: 2 ** 34,
  system: "Linux",
  node: "v24",
  postgres: "18",
  commit: "abc",
  at: "now",
};

async function someResults(): Promise<Results> {
  const measured = await measureRounds("queue", series([]), 3, () => {});
  return { machine, quick: true, ...measured };
}

test("contestants take turns, every other round backwards, and a ratio is taken within its round", async () => {
  const log: string[] = [];
  const { rows, leftOut } = await measureRounds("queue", series(log), 3, () => {});
  assert.deepEqual(log, ["maskline", "peer", "peer", "maskline", "maskline", "peer"]);
  assert.deepEqual(rows, [
    {
      workload: "queue",
      against: "peer",
      ratio: 5,
      better: "higher",
      goal: 4.5,
      met: true,
      rounds: 3,
      unit: "x",
      note: null,
      least: 4,
      most: 6,
      ratios: [5, 6, 4],
    },
  ]);
  assert.deepEqual(
    leftOut,
    [{ group: "queue", name: "python", reason: "it is not here" }],
    "a row without a contestant is left out",
  );
});

test("a goal is missed where the median is on its wrong side", async () => {
  const plan = series([]);
  const atMost = { ...plan, rows: plan.rows.map((row) => ({ ...row, better: "lower" as const, goal: 4.9 })) };
  assert.equal((await measureRounds("queue", atMost, 3, () => {})).rows[0]?.met, false);
  const reached = { ...plan, contestants: series([]).contestants, rows: atMost.rows.map((row) => ({ ...row, goal: 5 })) };
  assert.equal((await measureRounds("queue", reached, 3, () => {})).rows[0]?.met, true);
});

/** Tags open and close in their order, attributes are quoted, and no bare & or < stands anywhere. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  const tag = /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/g;
  for (const [, closes, name = "", , isEmpty] of svg.matchAll(tag)) {
    if (closes === "/") assert.equal(open.pop(), name);
    else if (isEmpty === "") open.push(name);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg.replaceAll(tag, ""), /[<>]/, "nothing but tags has angle brackets");
  assert.doesNotMatch(svg, /&(?!(amp|lt|gt|quot);)/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
}

test("charts are well formed, whatever the labels, and longer bars stand for more", async () => {
  const [chart] = charts(await someResults());
  assert.ok(chart);
  assert.equal(chart.name, "queue-cpu");
  assertWellFormed(chart.svg);
  assert.match(chart.svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  assert.match(chart.svg, /prefers-color-scheme: dark/);
  const widths = [...chart.svg.matchAll(/<rect class="(?:ownBar|bar)" [^>]*width="([\d.]+)"/g)].map(([, length]) => Number(length));
  assert.equal(widths.length, 2);
  assert.ok(Math.abs((widths[1] ?? 0) / (widths[0] ?? 1) - 5) < 0.05, "50 is drawn five times as long as 10");
  assert.match(chart.svg, /maskline &lt;&amp;&quot;/);
  assertWellFormed(barChart({ title: "nothing", unit: "", digits: 0, bars: [] }));
  assert.throws(() => assertWellFormed("<svg><text>a & b</text></svg>"), "the check finds what is wrong");
});

test("the page's tables are written between their marks, and nothing else is touched", async () => {
  const results = await someResults();
  const page = await readFile(path.resolve(import.meta.dirname, "../../docs/performance.md"), "utf8");
  const places = {
    machine: machineText(results),
    charts: "![a](performance/a.svg)",
    goals: goalTable(results.rows),
    further: goalTable([]),
    drains: figureTable(results.contestants, [{ figure: "consumerMicros", title: "CPU", digits: 1 }]),
  };
  const filled = fillPage(page, places);
  assert.match(filled, /\| queue \| peer \| at least 4\.5 x \| 5 x \| 4-6 \| 3 \| met \|/);
  assert.match(filled, /Left out of queue: python: it is not here\./);
  assert.match(filled, /A `--quick` run/);
  assert.match(filled, /\| maskline <&" \| 10\.0 \(8\.0-12\.0\) \|/);
  assert.equal(fillPage(filled, places), filled, "again, it changes nothing");
  const frame = (text: string): string => text.replaceAll(/<!-- (\w+) -->[^]*?<!-- \/\1 -->/g, "$1");
  assert.equal(frame(filled), frame(page));
  assert.throws(() => fillPage(page, { nowhere: "" }), RangeError);
});

test("results of several runs are joined, but not of other machines, sizes or the same comparison", async () => {
  const one = await someResults();
  const other = { ...one, rows: one.rows.map((row) => ({ ...row, workload: "file" })) };
  const joined = joinResults([one, other]);
  assert.deepEqual(joined.rows, [...one.rows, ...other.rows]);
  assert.equal(joined.contestants.length, one.contestants.length * 2);
  assert.throws(() => joinResults([one, one]), RangeError);
  assert.throws(() => joinResults([one, { ...other, quick: false }]), RangeError);
  assert.throws(() => joinResults([one, { ...other, machine: { ...machine, cpu: "another" } }]), RangeError);
});
