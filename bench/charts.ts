import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";

import { charts } from "./rig/charts.ts";
import { joinResults } from "./rig/joined-results.ts";
import { figureTable, fillPage, goalTable, machineText } from "./rig/report-page.ts";
import type { Results } from "./rig/result.ts";
import { drainFigures } from "./workloads/drains.ts";

const root = path.resolve(import.meta.dirname, "..");
const usage = `npm run bench:charts -- RESULT.json [RESULT.json…]

Draws the pictures in docs/performance/ and writes the tables of docs/performance.md from what a run's --out holds, or several of other workloads: no number there is typed.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: "boolean", default: false } } });
  const [file, ...others] = positionals;
  if (values.help || file === undefined) {
    process.stdout.write(`${usage}\n`);
    if (!values.help) process.exitCode = 2;
    return;
  }
  const read = async (from: string): Promise<Results> => JSON.parse(await readFile(from, "utf8")) as Results;
  const results = joinResults([await read(file), ...(await Promise.all(others.map(read)))]);
  const folder = path.join(root, "docs/performance");
  await mkdir(folder, { recursive: true });
  const drawn = charts(results);
  for (const { name, svg } of drawn) await writeFile(path.join(folder, `${name}.svg`), svg);
  const page = path.join(root, "docs/performance.md");
  const drained = results.contestants.filter(({ figures }) => "consumerMicros" in figures);
  await writeFile(
    page,
    fillPage(await readFile(page, "utf8"), {
      machine: machineText(results),
      charts: drawn.map(({ name, title }) => `![${title}](performance/${name}.svg)`).join("\n\n"),
      goals: goalTable(results.rows.filter(({ goal }) => goal !== null)),
      further: goalTable(results.rows.filter(({ goal }) => goal === null)),
      drains: figureTable(drained, drainFigures),
    }),
  );
}

await main();
