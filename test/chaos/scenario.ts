import type { SampleRandom } from "../../src/demo/sample-random.ts";
import type { FigureName, Figures } from "./figures.ts";

/** One way to hurt the product, and what must hold all the same. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  readonly about: string;
  /**
   * What must at least have been done, in CI and with `--nightly`: faults that did not happen prove nothing, so a run that falls short fails.
   * The figures that count damage must be 0 without being named here.
   */
  readonly least: Partial<Readonly<Record<FigureName, readonly [ci: number, nightly: number]>>>;
  /** Throws, or tells `bench.fail`, when something does not hold. */
  run(bench: Bench): Promise<void>;
}

/** What a scenario is run with. */
export interface Bench {
  /** Everything random derives from it; another one for each scenario of a run. */
  readonly seed: number;
  readonly random: SampleRandom;
  /** Counts of this scenario alone. A negative control, whose damage is wanted, counts in figures of its own and adds `controls` here. */
  readonly figures: Figures;
  readonly nightly: boolean;
  /** One of two sizes. */
  size(ci: number, nightly: number): number;
  /** Said on stderr, under the scenario's name. */
  say(text: string): void;
  /** Something does not hold: the scenario goes on, and fails. */
  fail(text: string): void;
  /** A part that cannot be done here: said on stderr, never silently. */
  skip(part: string, reason: string): void;
  /** Called when the scenario has ended, however it did; the last one first. */
  defer(end: () => Promise<void>): void;
}
