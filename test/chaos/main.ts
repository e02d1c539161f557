import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { Figures } from "./figures.ts";
import { runScenario } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { canary } from "./scenarios/canary.ts";
import { controls } from "./scenarios/controls.ts";
import { networkCuts } from "./scenarios/cuts.ts";
import { databaseOutages } from "./scenarios/database-outages.ts";
import { databaseTroubles } from "./scenarios/database-troubles.ts";
import { erase } from "./scenarios/erase.ts";
import { fuzz } from "./scenarios/fuzz.ts";
import { kill } from "./scenarios/kill.ts";
import { memory } from "./scenarios/memory.ts";
import { poison } from "./scenarios/poison.ts";
import { queueFaults } from "./scenarios/queue-faults.ts";
import { replay } from "./scenarios/replay.ts";
import { stops } from "./scenarios/stops.ts";

/** The bench, in the order in which it runs. */
const scenarios: readonly Scenario[] = [
  kill,
  replay,
  erase,
  databaseOutages,
  databaseTroubles,
  queueFaults,
  networkCuts,
  stops,
  poison,
  fuzz,
  memory,
  canary,
  controls,
];

const usage = `usage: npm run test:chaos -- [--nightly] [--only NAME]... [--seed N] [--json] [--list]
scenarios:
${scenarios.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join("\n")}
`;

const { values } = parseArgs({
  options: {
    nightly: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});
const chosen = scenarios.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
const unknown = values.only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);

if (values.list || unknown.length > 0 || !Number.isSafeInteger(seed)) {
  process.stderr.write(usage);
  process.exitCode = values.list ? 0 : 2;
} else {
  const startedAtMs = performance.now();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const size = values.nightly ? ["--nightly"] : [];
  say(`seed ${seed}`);
  const total = new Figures();
  let failed = 0;
  for (const scenario of chosen) {
    const { figures, faults } = await runScenario(scenario, { seed, nightly: values.nightly, say });
    total.addAll(figures);
    if (faults.length === 0) continue;
    failed += 1;
    say(`  replay: npm run test:chaos -- --only ${scenario.name} --seed ${[seed, ...size].join(" ")}`);
  }
  const seconds = Number(((performance.now() - startedAtMs) / 1_000).toFixed(1));
  say(`${chosen.length - failed} of ${chosen.length} scenarios passed in ${seconds} s: ${total.inWords()}`);
  if (values.json) process.stdout.write(`${JSON.stringify({ ...total.toJSON(), seconds })}\n`);
  // nothing done proves nothing
  process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
}
