import type { Place } from "./place.ts";
import type { SizeWish } from "./sizes.ts";

/** What one measurement gave, by name. */
export type Figures = Readonly<Record<string, number>>;

/** One that is measured in turns with others. */
export interface Contestant {
  readonly name: string;
  /** For people. */
  readonly label: string;
  /** Measures once, on what is fresh, and throws where the result is not right. */
  measure(): Promise<Figures>;
}

export type Better = "higher" | "lower";

/** One line of the result: a ratio that is taken within each round. */
export interface RowPlan {
  readonly workload: string;
  readonly against: string;
  /** The contestants it is made of: their figures of one round. It is left out where one of them cannot run here. */
  readonly of: readonly string[];
  readonly ratio: (...figures: readonly (Figures | undefined)[]) => number;
  readonly better: Better;
  /** At least so much where higher is better, at most where lower is. */
  readonly goal: number | null;
  /** `x` for a ratio; a unit for what is a figure of its own. */
  readonly unit: "x" | "ms" | "MB";
  /** What is to be known of this row besides. */
  readonly note?: string;
}

/** Contestants that take turns, and the rows that come of them. */
export interface Series {
  readonly contestants: readonly Contestant[];
  /** Those that cannot run here, and why. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly rows: readonly RowPlan[];
  /** Figures of each contestant that are shown in the table. */
  readonly shown: readonly ShownFigure[];
}

export interface ShownFigure {
  readonly figure: string;
  readonly title: string;
  readonly digits: number;
}

export interface WorkloadOptions extends SizeWish {
  readonly place: Place;
  /** For people, while it goes on. */
  readonly say: (line: string) => void;
}

/** A part of the benchmark that can be chosen by name. */
export interface Workload {
  readonly name: string;
  readonly about: string;
  open(options: WorkloadOptions): Promise<readonly Series[]>;
}
