import type { ContestantResult, LeftOut, ResultRow } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import type { Figures, RowPlan, Series } from "./workload.ts";

export interface Measured {
  readonly rows: readonly ResultRow[];
  readonly contestants: readonly ContestantResult[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Each round goes through all contestants, every other round backwards: a machine that slows down slows all of them, and nobody always
 * follows the same other one. A ratio is taken within its round.
 */
export async function measureRounds(
  group: string,
  { contestants, missing, rows, shown }: Series,
  rounds: number,
  tell: (round: number, name: string, figures: Figures) => void,
): Promise<Measured> {
  const taken = new Map<string, Figures[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
      const figures = await contestant.measure();
      taken.get(contestant.name)?.push(figures);
      tell(round, contestant.name, figures);
    }
  }
  const absent = new Map(missing.map(({ name, reason }) => [name, reason]));
  return {
    rows: rows.filter(({ of }) => of.every((name) => !absent.has(name))).map((plan) => resultOf(plan, taken, rounds)),
    contestants: contestants.map(({ name, label }) => ({
      group,
      name,
      label,
      figures: Object.fromEntries(
        shown.map(({ figure }) => [figure, spreadOf((taken.get(name) ?? []).map((figures) => figures[figure] ?? Number.NaN))]),
      ),
    })),
    leftOut: missing.map(({ name, reason }) => ({ group, name, reason })),
  };
}

function resultOf(
  { workload, against, of, ratio, better, goal, unit, note }: RowPlan,
  taken: ReadonlyMap<string, readonly Figures[]>,
  rounds: number,
): ResultRow {
  const ratios = Array.from({ length: rounds }, (_, round) => ratio(...of.map((name) => taken.get(name)?.[round] ?? {})));
  const { median, least, most } = spreadOf(ratios);
  return {
    workload,
    against,
    ratio: rounded(median),
    better,
    goal,
    met: goal === null ? null : better === "higher" ? median >= goal : median <= goal,
    rounds,
    unit,
    note: note ?? null,
    least: rounded(least),
    most: rounded(most),
    ratios: ratios.map(rounded),
  };
}

/** Four digits: more would be noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
