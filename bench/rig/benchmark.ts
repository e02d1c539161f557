import { describeMachine } from "./machine.ts";
import { Place } from "./place.ts";
import type { ContestantResult, LeftOut, ResultRow, Results } from "./result.ts";
import { measureRounds } from "./rounds.ts";
import type { SizeWish } from "./sizes.ts";
import { contestantTable, machineLines, number } from "./table.ts";
import type { Workload } from "./workload.ts";

export interface BenchmarkOptions extends SizeWish {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  /** What is a result. */
  readonly say: (text: string) => void;
  /** How it goes on. */
  readonly progress: (text: string) => void;
}

/** Runs workloads one after the other, each in its rounds. */
export function runBenchmark({ workloads, rounds, say, progress, ...sizes }: BenchmarkOptions): Promise<Results> {
  return Place.with(async (place) => {
    const machine = describeMachine(place.postgres.version);
    for (const line of machineLines(machine)) say(line);
    const rows: ResultRow[] = [];
    const contestants: ContestantResult[] = [];
    const leftOut: LeftOut[] = [];
    for (const workload of workloads) {
      say(`\n${workload.name}: ${workload.about}`);
      for (const series of await workload.open({ ...sizes, place, say: progress })) {
        for (const { name, reason } of series.missing) say(`  left out: ${name}: ${reason}`);
        const measured = await measureRounds(workload.name, series, rounds, (round, name, figures) => {
          const told = series.shown.map(({ figure, title, digits }) => `${title} ${number(figures[figure] ?? Number.NaN, digits)}`);
          progress(`round ${round + 1} of ${rounds}: ${name}: ${told.join(", ")}`);
        });
        if (series.shown.length > 0) say(contestantTable(measured.contestants, series.shown));
        rows.push(...measured.rows);
        contestants.push(...measured.contestants);
        leftOut.push(...measured.leftOut);
      }
    }
    return { machine, quick: sizes.quick, rows, contestants, leftOut };
  });
}
