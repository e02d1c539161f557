import { parseArgs } from "node:util";

import { type Entry, makeEntries } from "./entry.ts";
import { maskPlans } from "./mask-plans.ts";
import { type Measured, measure } from "./measure.ts";

const usualRounds = 9;

function main(): void {
  const { values } = parseArgs({ options: { require: { type: "boolean", default: false }, rounds: { type: "string" } } });
  const entries = makeEntries(maskPlans);
  for (const entry of entries) entry.prove();
  say(`${entries.length} entries give what separate implementations give; timing, each beside its baseline\n`);
  const measured = measure(entries, Number(values.rounds ?? usualRounds));
  say([head, ...measured.map(line)].join("\n"));
  const missed = measured.filter(isMissed);
  for (const { entry } of missed) say(`missed: ${entry.name} is to be at least ${entry.target} times its baseline`);
  if (values.require && missed.length > 0) process.exitCode = 1;
}

function isMissed({ entry, ratio }: Measured): boolean {
  return entry.target !== null && ratio.median < entry.target;
}

const columns = [46, 14, 12, 10, 15, 8] as const;
const head: string = row(["", "per second", "ns each", "ratio", "least-most", "target"]) + "  baseline";

function line({ entry, nanoseconds, baselineNanoseconds, ratio }: Measured): string {
  const { name, baseline, target } = entry;
  const margin = `${ratio.least.toFixed(1)}-${ratio.most.toFixed(1)}`;
  const cells = [
    name,
    rate(entry, nanoseconds),
    nanoseconds.toFixed(1),
    `${ratio.median.toFixed(1)} x`,
    margin,
    target === null ? "" : `${target} x`,
  ];
  return `${row(cells)}  ${baseline.name}, ${baselineNanoseconds.toFixed(0)} ns`;
}

function rate({ unit }: Entry, nanoseconds: number): string {
  return unit === "byte" ? `${(1000 / nanoseconds).toFixed(0)} MB` : `${(1000 / nanoseconds).toFixed(2)} M`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(columns[index] ?? 0) : cell.padStart(columns[index] ?? 0))).join("");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main();
