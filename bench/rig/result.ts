import type { Machine } from "./machine.ts";
import type { Spread } from "./statistics.ts";
import type { Better } from "./workload.ts";

/** One line of `--json`. */
export interface ResultRow {
  readonly workload: string;
  readonly against: string;
  /** The median of the rounds' ratios. */
  readonly ratio: number;
  readonly better: Better;
  /** What it has to be, at least where higher is better, otherwise at most; null where nothing is asked. */
  readonly goal: number | null;
  readonly met: boolean | null;
  /** How many. */
  readonly rounds: number;
  readonly unit: string;
  readonly note: string | null;
  readonly least: number;
  readonly most: number;
  /** The ratio of each round. */
  readonly ratios: readonly number[];
}

/** What one contestant's rounds gave. */
export interface ContestantResult {
  readonly group: string;
  readonly name: string;
  readonly label: string;
  readonly figures: Readonly<Record<string, Spread>>;
}

/** A contestant that could not run, and why. */
export interface LeftOut {
  readonly group: string;
  readonly name: string;
  readonly reason: string;
}

/** All that a run of the benchmark found: what charts, tables and comparisons are made of. */
export interface Results {
  readonly machine: Machine;
  readonly quick: boolean;
  readonly rows: readonly ResultRow[];
  readonly contestants: readonly ContestantResult[];
  readonly leftOut: readonly LeftOut[];
}
