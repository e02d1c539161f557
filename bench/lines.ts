import { parseArgs } from "node:util";

import { makeEntries } from "./entry.ts";
import { linePlans } from "./line-plans.ts";
import { type Measured, measure } from "./measure.ts";

const usualRounds = 15;

function main(): void {
  const { values } = parseArgs({ options: { require: { type: "boolean", default: false }, rounds: { type: "string" } } });
  const entries = makeEntries(linePlans);
  for (const entry of entries) entry.prove();
  say(`${entries.length} sorts of lines give the same rows both ways; timing, each beside its baseline\n`);
  const measured = measure(entries, Number(values.rounds ?? usualRounds));
  say([row(["", "ns a line", "ratio", "least-most", "target"]), ...measured.map(line)].join("\n"));
  const missed = measured.filter(({ entry, ratio }) => entry.target !== null && ratio.median < entry.target);
  for (const { entry } of missed) say(`missed: ${entry.name} is to be at least ${entry.target} times its baseline`);
  if (values.require && missed.length > 0) process.exitCode = 1;
}

function line({ entry, nanoseconds, baselineNanoseconds, ratio }: Measured): string {
  const { name, baseline, target } = entry;
  const margin = `${ratio.least.toFixed(2)}-${ratio.most.toFixed(2)}`;
  const cells = [name, nanoseconds.toFixed(0), `${ratio.median.toFixed(2)} x`, margin, target === null ? "" : `${target} x`];
  return `${row(cells)}  ${baseline.name}, ${baselineNanoseconds.toFixed(0)} ns`;
}

const widths = [52, 10, 9, 12, 9] as const;

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join("");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main();
