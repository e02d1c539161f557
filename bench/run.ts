import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { writeBaseline } from "./rig/baseline.ts";
import { runBenchmark } from "./rig/benchmark.ts";
import { canMeasure } from "./rig/process-tree.ts";
import { rowTable } from "./rig/table.ts";
import { workloads } from "./workloads/workloads.ts";

const usualRounds = 5;
const usage = `npm run bench -- [WORKLOAD…] [OPTION…]

  --quick            smaller, the same rows; for a look, not for a claim
  --rounds N         how often each is measured, in turns (${usualRounds})
  --scale F          so many times the usual number of messages (1)
  --json             the last line of stdout is a JSON list of { workload, against, ratio, goal, met, rounds, … }
  --out FILE         all results as JSON: for bench:compare and bench/charts.ts
  --write-baseline   keep the ratios in bench/baseline.json
  --list             the workloads

stdout has the results, stderr how it goes on. Every consumer's result is verified before its time counts.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string", default: String(usualRounds) },
      scale: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      "write-baseline": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return say(usage);
  if (values.list) return say(workloads.map(({ name, about }) => `${name.padEnd(12)} ${about}`).join("\n"));
  const unknown = positionals.find((name) => workloads.every((one) => one.name !== name));
  if (unknown !== undefined) throw new RangeError(`there is no workload ${unknown}; --list shows them`);
  const [rounds, scale] = [Number(values.rounds), Number(values.scale)];
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError("--rounds: a whole number from 1 on");
  if (!(scale > 0)) throw new RangeError("--scale: a number above 0");
  if (!canMeasure()) throw new Error("CPU time of other processes is read from /proc: the benchmark runs on Linux only");
  const chosen = workloads.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const results = await runBenchmark({ workloads: chosen, quick: values.quick, scale, rounds, say, progress });
  say(`\n${rowTable(results.rows)}`);
  for (const { name, reason } of results.leftOut) say(`left out: ${name}: ${reason}`);
  if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(results, null, 1)}\n`);
  if (values["write-baseline"]) await writeBaseline(results);
  if (values.json) say(JSON.stringify(results.rows));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function progress(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

await main();
