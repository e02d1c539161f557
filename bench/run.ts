import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { describeMachine } from "./rig/machine.ts";
import { Place } from "./rig/place.ts";
import { canMeasure } from "./rig/process-tree.ts";
import type { ContestantResult, LeftOut, ResultRow, Results } from "./rig/result.ts";
import { measureRounds } from "./rig/rounds.ts";
import { contestantTable, machineLines, number, rowTable } from "./rig/table.ts";
import { workloads } from "./workloads/workloads.ts";

const usualRounds = 5;
const usage = `npm run bench -- [WORKLOAD…] [OPTION…]

  --quick       smaller, the same rows; for a look, not for a claim
  --rounds N    how often each is measured, in turns (${usualRounds})
  --json        the last line of stdout is a JSON list of { workload, against, ratio, goal, met, rounds, … }
  --out FILE    all results as JSON: for bench:compare and bench/charts.ts
  --list        the workloads
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return say(usage);
  if (values.list) return say(workloads.map(({ name, about }) => `${name.padEnd(12)} ${about}`).join("\n"));
  const unknown = positionals.find((name) => workloads.every((one) => one.name !== name));
  if (unknown !== undefined) throw new RangeError(`there is no workload ${unknown}; --list shows them`);
  const rounds = Number(values.rounds ?? usualRounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError("--rounds: a whole number from 1 on");
  if (!canMeasure()) throw new Error("CPU time of other processes is read from /proc: the benchmark runs on Linux only");
  const results = await measure(positionals, values.quick, rounds);
  say(`\n${rowTable(results.rows)}`);
  for (const { name, reason } of results.leftOut) say(`left out: ${name}: ${reason}`);
  if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(results, null, 1)}\n`);
  if (values.json) say(JSON.stringify(results.rows));
}

async function measure(names: readonly string[], quick: boolean, rounds: number): Promise<Results> {
  return Place.with(async (place) => {
    const machine = describeMachine(place.postgres.version);
    for (const line of machineLines(machine)) say(line);
    const rows: ResultRow[] = [];
    const contestants: ContestantResult[] = [];
    const leftOut: LeftOut[] = [];
    for (const workload of workloads.filter(({ name }) => names.length === 0 || names.includes(name))) {
      say(`\n${workload.name}: ${workload.about}`);
      for (const series of await workload.open({ place, quick, say: progress })) {
        for (const { name, reason } of series.missing) say(`  left out: ${name}: ${reason}`);
        const measured = await measureRounds(workload.name, series, rounds, (round, name, figures) => {
          const told = series.shown.map(({ figure, title, digits }) => `${title} ${number(figures[figure] ?? Number.NaN, digits)}`);
          progress(`round ${round + 1} of ${rounds}: ${name}: ${told.join(", ")}`);
        });
        say(contestantTable(measured.contestants, series.shown));
        rows.push(...measured.rows);
        contestants.push(...measured.contestants);
        leftOut.push(...measured.leftOut);
      }
    }
    return { machine, quick, rows, contestants, leftOut };
  });
}

/** What is a result, on stdout. */
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** How it goes on, on stderr. */
function progress(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

await main();
