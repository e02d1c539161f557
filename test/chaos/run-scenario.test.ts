import assert from "node:assert/strict";
import { test } from "node:test";

import { runScenario, type ScenarioResult } from "./run-scenario.ts";
import type { Bench, Scenario } from "./scenario.ts";

function run(
  work: (bench: Bench) => Promise<void>,
  least: Scenario["least"] = {},
  nightly: boolean = false,
): Promise<ScenarioResult> {
  return runScenario({ name: "test", about: "", least, run: work }, { seed: 1, nightly, say: () => {} });
}

test("a scenario that did what it set out to do passes", async () => {
  const { faults, figures } = await run(async ({ figures }) => figures.add("kills", 3), { kills: [3, 10] });
  assert.deepEqual([faults, figures.of("kills")], [[], 3]);
});

test("faults that did not happen fail it, by the size of the run", async () => {
  const twice = async ({ figures }: Bench): Promise<void> => figures.add("kills", 3);
  assert.equal((await run(twice, { kills: [4, 10] })).faults.length, 1);
  assert.equal((await run(twice, { kills: [3, 10] }, true)).faults.length, 1);
  assert.equal((await run(async () => {}, { redeliveries: [1, 1], commitsInDoubt: [1, 1] })).faults.length, 2);
});

test("damage fails it, whatever else it did", async () => {
  for (const damage of ["lost", "doubled", "leaks", "falseQuarantines", "falseDeadLetters"] as const) {
    assert.equal((await run(async ({ figures }) => figures.add(damage))).faults.length, 1, damage);
  }
});

test("what it throws fails it, and what it deferred is done all the same, the last first", async () => {
  const ends: string[] = [];
  const { faults } = await run(async (bench) => {
    for (const name of ["first", "second"]) bench.defer(async () => void ends.push(name));
    bench.defer(() => Promise.reject(new Error("at the end")));
    throw new Error("in the middle");
  });
  assert.deepEqual(ends, ["second", "first"]);
  assert.equal(faults.length, 2);
  assert.match(faults.join(), /in the middle[^]*at the end/);
});
