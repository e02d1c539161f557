import type { ContestantResult, ResultRow, Results } from "./result.ts";
import { machineLines, number } from "./table.ts";

/**
 * Writes what stands between `<!-- NAME -->` and `<!-- /NAME -->` of a page anew, for each name; the rest of the page is people's.
 * @throws RangeError where the page has no such place
 */
export function fillPage(page: string, places: Readonly<Record<string, string>>): string {
  let filled = page;
  for (const [name, text] of Object.entries(places)) {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, until] = [filled.indexOf(open), filled.indexOf(close)];
    if (from === -1 || until < from) throw new RangeError(`the page has no place ${open} … ${close}`);
    filled = `${filled.slice(0, from + open.length)}\n${text}\n${filled.slice(until)}`;
  }
  return filled;
}

export function machineText({ machine, quick, leftOut }: Results): string {
  const lines = [...machineLines(machine)];
  if (quick) lines.push("**A `--quick` run: for a look, not for a claim.**");
  for (const { group, name, reason } of leftOut) lines.push(`Left out of ${group}: ${name}: ${reason}.`);
  return lines.join("\n\n");
}

export function goalTable(rows: readonly ResultRow[]): string {
  return markdown(
    ["workload", "against", "asked for", "measured", "least-most", "rounds", ""],
    rows.map(({ workload, against, better, goal, ratio, unit, least, most, rounds, met, note }) => [
      workload,
      against,
      goal === null ? "" : `at ${better === "higher" ? "least" : "most"} ${goal} ${unit}`,
      `${ratio} ${unit}`,
      `${least}-${most}`,
      String(rounds),
      [met === null ? "" : met ? "met" : "**missed**", note ?? ""].join(" ").trim(),
    ]),
  );
}

/** One figure a column: median, and least to most. */
export function figureTable(
  results: readonly ContestantResult[],
  figures: readonly { readonly figure: string; readonly title: string; readonly digits: number }[],
): string {
  return markdown(
    ["", ...figures.map(({ title }) => title)],
    results.map((result) => [
      result.label,
      ...figures.map(({ figure, digits }) => {
        const spread = result.figures[figure];
        return spread === undefined || !Number.isFinite(spread.median)
          ? ""
          : `${number(spread.median, digits)} (${number(spread.least, digits)}-${number(spread.most, digits)})`;
      }),
    ]),
  );
}

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...lines.map(line)].join("\n");
}
