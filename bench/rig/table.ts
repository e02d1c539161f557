import type { Machine } from "./machine.ts";
import type { ContestantResult, ResultRow } from "./result.ts";
import type { ShownFigure } from "./workload.ts";

export function machineLines({ cpu, cores, memoryBytes, system, node, postgres, commit, at }: Machine): readonly string[] {
  return [
    `${cpu}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GB; ${system}`,
    `Node ${node}, PostgreSQL ${postgres}, commit ${commit}, ${at}`,
  ];
}

/** What each contestant's rounds gave: medians, and least to most. */
export function contestantTable(results: readonly ContestantResult[], shown: readonly ShownFigure[]): string {
  const head = ["", ...shown.map(({ title }) => title)];
  const lines = results.map(({ label, figures }) => [
    label,
    ...shown.map(({ figure, digits }) => {
      const spread = figures[figure];
      if (spread === undefined || Number.isNaN(spread.median)) return "-";
      return `${number(spread.median, digits)} (${number(spread.least, digits)}-${number(spread.most, digits)})`;
    }),
  ]);
  return aligned([head, ...lines]);
}

export function rowTable(rows: readonly ResultRow[]): string {
  const head = ["workload", "against", "median", "least-most", "goal", ""];
  return aligned([
    head,
    ...rows.map(({ workload, against, ratio, least, most, goal, better, met, unit, note }) => [
      workload,
      against,
      `${ratio} ${unit}`,
      `${least}-${most}`,
      goal === null ? "" : `at ${better === "higher" ? "least" : "most"} ${goal}`,
      [met === null ? "" : met ? "met" : "MISSED", note ?? ""].join(" ").trim(),
    ]),
  ]);
}

export function number(value: number, digits: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Columns as wide as their widest cell. */
export function aligned(lines: readonly (readonly string[])[]): string {
  const columns = Math.max(...lines.map((line) => line.length));
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
