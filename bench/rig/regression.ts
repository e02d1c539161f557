import type { Baseline } from "./baseline.ts";
import { isSameRow } from "./baseline.ts";
import { median } from "./statistics.ts";

/** What became of a row since the baseline. */
export type Verdict = "regression" | "improvement" | "as before" | "too few rounds" | "not measured";

export interface Comparison {
  readonly workload: string;
  readonly against: string;
  readonly verdict: Verdict;
  /** Median now by median then. */
  readonly change: number;
  /** How likely rounds that differ at least so much in this direction are, had nothing changed. */
  readonly chance: number;
}

/** Below this, the least chance that the rank test can give is not small enough. */
const leastRounds = 5;
const mostChance = 0.01;

/**
 * Tells a change from noise. A row has become worse when both hold:
 *
 * - The rounds say so: ranked together, those of now stand so far on the worse side that chance alone would put them there at most once in a
 *   hundred times (Mann-Whitney U, exact, one-sided). Five rounds against five can say it only when every one of now is worse than every one of
 *   then (1 in 252). No distribution is assumed: rounds on a busy machine have long tails.
 * - It matters: the medians are further apart than `tolerance`. Rounds of one run share their machine and their hour, so that two runs of
 *   the same program can differ by more than their rounds do.
 *
 * @param tolerance as a share: 0.1 lets a median be a tenth worse
 */
export function compareWithBaseline(baseline: Baseline, now: Pick<Baseline, "rows">, tolerance: number): readonly Comparison[] {
  return baseline.rows.map(({ workload, against, better, ratios: before }) => {
    const names = { workload, against };
    const row = now.rows.find((one) => isSameRow(one, names));
    if (row === undefined) return { ...names, verdict: "not measured", change: Number.NaN, chance: Number.NaN };
    const change = median(row.ratios) / median(before);
    const isLower = change < 1;
    const chance = isLower ? chanceOfLower(row.ratios, before) : chanceOfLower(before, row.ratios);
    const isTooFew = Math.min(before.length, row.ratios.length) < leastRounds;
    // as far from 1 on either side: half as much is as large a change as twice as much
    const matters = Math.max(change, 1 / change) > 1 + tolerance;
    const isWorse = isLower === (better === "higher");
    const verdict: Verdict = isTooFew
      ? "too few rounds"
      : !matters || chance > mostChance
        ? "as before"
        : isWorse
          ? "regression"
          : "improvement";
    return { ...names, verdict, change, chance };
  });
}

/**
 * The chance that a random split of all values into groups of these sizes has a rank sum of the first as low as it is (Mann-Whitney, exact:
 * every split is counted; equal values share the mean of their ranks).
 */
export function chanceOfLower(lower: readonly number[], higher: readonly number[]): number {
  const ranks = doubledRanks([...lower, ...higher]);
  const observed = ranks.slice(0, lower.length).reduce((sum, rank) => sum + rank, 0);
  // splits[n][s]: ways to choose n values whose ranks sum to s
  const splits = Array.from({ length: lower.length + 1 }, () => new Map<number, number>());
  splits[0]?.set(0, 1);
  for (const rank of ranks) {
    for (let chosen = lower.length - 1; chosen >= 0; chosen -= 1) {
      for (const [sum, ways] of splits[chosen] ?? []) {
        const next = splits[chosen + 1];
        next?.set(sum + rank, (next.get(sum + rank) ?? 0) + ways);
      }
    }
  }
  let [asLow, all] = [0, 0];
  for (const [sum, ways] of splits[lower.length] ?? []) {
    all += ways;
    if (sum <= observed) asLow += ways;
  }
  return asLow / all;
}

/** Twice the rank of each value, so that shared ranks are whole numbers. */
function doubledRanks(values: readonly number[]): readonly number[] {
  return values.map((value) => {
    let [below, equal] = [0, 0];
    for (const other of values) {
      if (other < value) below += 1;
      else if (other === value) equal += 1;
    }
    return 2 * below + equal + 1;
  });
}
