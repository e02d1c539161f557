/** One line of the table: something timed, beside what it is compared with on the same values. */
export interface Entry {
  readonly name: string;
  /** What one pass is done over: values, or bytes for what reads texts. */
  readonly unit: "value" | "byte";
  /** Goes over all inputs once. @returns how many units that were */
  readonly pass: () => number;
  readonly baseline: Baseline;
  /** Throws when a result is not that of a slow, separate implementation. */
  readonly prove: () => void;
  /** How often as fast as its baseline it has to be; null where no target is set. */
  readonly target: number | null;
}

export interface Baseline {
  readonly name: string;
  readonly pass: () => number;
}

/** An entry before its parts are made. */
export interface EntryPlan {
  readonly name: string;
  readonly make: () => Omit<Entry, "name">;
}

export function makeEntries(plans: readonly EntryPlan[]): readonly Entry[] {
  return plans.map(({ name, make }) => ({ name, ...make() }));
}
