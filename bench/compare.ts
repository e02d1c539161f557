import { parseArgs } from "node:util";

import { readBaseline } from "./rig/baseline.ts";
import { compareWithBaseline } from "./rig/regression.ts";
import { aligned } from "./rig/table.ts";

const usualTolerance = 0.1;
const usage = `npm run bench:compare -- BASELINE.json RESULT.json [--tolerance ${usualTolerance}]

BASELINE is bench/baseline.json or another run's --out, RESULT a run's --out. Ends with 1 when a row has become worse by more than the
tolerance and the rounds cannot say so by chance (bench/rig/regression.ts).`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tolerance: { type: "string", default: String(usualTolerance) }, help: { type: "boolean", default: false } },
  });
  const [before, now] = positionals;
  const tolerance = Number(values.tolerance);
  if (values.help || before === undefined || now === undefined || !(tolerance >= 0)) {
    process.stdout.write(`${usage}\n`);
    if (!values.help) process.exitCode = 2;
    return;
  }
  const [baseline, result] = [await readBaseline(before), await readBaseline(now)];
  if (baseline.quick !== result.quick)
    throw new RangeError("one of them is of a --quick run: their sizes differ, and so do their ratios");
  const compared = compareWithBaseline(baseline, result, tolerance);
  const lines = compared.map(({ workload, against, verdict, change, chance }) => [
    verdict === "regression" ? "REGRESSION" : verdict,
    workload,
    against,
    Number.isNaN(change) ? "" : `x ${change.toFixed(3)}`,
    Number.isNaN(chance) ? "" : `chance ${chance.toPrecision(2)}`,
  ]);
  process.stdout.write(`${aligned(lines)}\n`);
  if (compared.some(({ verdict }) => verdict === "regression")) process.exitCode = 1;
}

await main();
