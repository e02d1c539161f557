import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import type { Entry } from "./entry.ts";

export interface Measured {
  readonly entry: Entry;
  /** Nanoseconds of CPU time a unit, in the median round. */
  readonly nanoseconds: number;
  readonly baselineNanoseconds: number;
  /** Baseline time by entry time, of pairs measured one right after the other: the median pair, and the lowest and highest. */
  readonly ratio: { readonly median: number; readonly least: number; readonly most: number };
}

/** Long against the clock's microsecond, short against the seconds over which a machine's speed drifts. */
const sampleMs = 20;
const warmUpMs = 100;

/**
 * Times entries and their baselines, interleaved: each round goes through all of them, and an entry's ratio is taken within its round,
 * so that a machine that slows down slows both. CPU time of the process, its collector's and compiler's threads included: what other
 * processes do meanwhile does not count as ours.
 * @param clock in microseconds
 */
export function measure(entries: readonly Entry[], rounds: number, clock: () => number = cpuMicroseconds): readonly Measured[] {
  const collect = collector();
  const sampled = (pass: () => number): number => {
    // Each pays for its own garbage only; the first passes bring its code and data back into the caches.
    collect();
    sample(pass, sampleMs / 4, clock);
    return sample(pass, sampleMs, clock);
  };
  for (const { pass, baseline } of entries) for (const each of [baseline.pass, pass]) sample(each, warmUpMs, clock);
  const samples = entries.map(() => ({ own: [] as number[], baseline: [] as number[], ratios: [] as number[] }));
  for (let round = 0; round < rounds; round += 1) {
    entries.forEach(({ pass, baseline }, index) => {
      const [before, own] = [sampled(baseline.pass), sampled(pass)];
      samples[index]?.baseline.push(before);
      samples[index]?.own.push(own);
      samples[index]?.ratios.push(before / own);
    });
  }
  return entries.map((entry, index) => {
    const { own = [], baseline = [], ratios = [] } = samples[index] ?? {};
    return {
      entry,
      nanoseconds: median(own),
      baselineNanoseconds: median(baseline),
      ratio: { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
    };
  });
}

/** Nanoseconds a unit, over as many passes as `leastMs` take. */
function sample(pass: () => number, leastMs: number, clock: () => number): number {
  const start = clock();
  let units = 0;
  let elapsed = 0;
  while (elapsed < leastMs * 1000) {
    units += pass();
    elapsed = clock() - start;
  }
  return (elapsed * 1000) / units;
}

/** The runtime's collector for young objects, which is all that passes leave. */
export function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: { readonly type: "minor" }) => void;
  return () => collect({ type: "minor" });
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
