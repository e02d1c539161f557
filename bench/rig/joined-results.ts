import type { Results } from "./result.ts";

/**
 * The results of several runs, each of other workloads, as of one. Every ratio was measured within its own run.
 * @throws RangeError for runs of different machines or of --quick and full ones, or the same comparison twice
 */
export function joinResults(runs: readonly [Results, ...Results[]]): Results {
  const [first] = runs;
  for (const { machine, quick } of runs) {
    if (quick !== first.quick || machine.cpu !== first.machine.cpu || machine.cores !== first.machine.cores) {
      throw new RangeError("these are results of different machines, or of --quick and full runs: a page shows one");
    }
  }
  const rows = runs.flatMap((run) => run.rows);
  const names = new Set(rows.map(({ workload, against }) => `${workload}\n${against}`));
  if (names.size < rows.length) throw new RangeError("the same comparison stands in two of these results");
  return {
    machine: first.machine,
    quick: first.quick,
    rows,
    contestants: runs.flatMap((run) => run.contestants),
    leftOut: runs.flatMap((run) => run.leftOut),
  };
}
