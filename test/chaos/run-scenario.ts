import { sampleRandom } from "../../src/demo/sample-random.ts";
import { damages, type FigureName, Figures } from "./figures.ts";
import type { Bench, Scenario } from "./scenario.ts";

export interface ScenarioResult {
  readonly figures: Figures;
  readonly faults: readonly string[];
}

/** Runs one scenario to its end, says how it went, and never throws. */
export async function runScenario(
  scenario: Scenario,
  { seed, nightly, say }: { readonly seed: number; readonly nightly: boolean; readonly say: (line: string) => void },
): Promise<ScenarioResult> {
  const startedAtMs = performance.now();
  const figures = new Figures();
  const faults: string[] = [];
  const ends: (() => Promise<void>)[] = [];
  const ownSeed = seedOf(scenario.name, seed);
  const tell = (kind: string, text: string): void => say(`  ${scenario.name}: ${kind}${text}`);
  const fail = (text: string): void => {
    faults.push(text);
    tell("FAULT ", text);
  };
  const bench: Bench = {
    seed: ownSeed,
    random: sampleRandom(ownSeed),
    figures,
    nightly,
    size: (ci, full) => (nightly ? full : ci),
    say: (text) => tell("", text),
    fail,
    skip: (part, reason) => tell("SKIPPED ", `${part}: ${reason}`),
    defer: (end) => void ends.push(end),
  };
  try {
    await scenario.run(bench);
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  for (const end of ends.reverse()) {
    await end().catch((error: unknown) => fail(`the end: ${error instanceof Error ? error.message : String(error)}`));
  }
  for (const name of damages) if (figures.of(name) !== 0) fail(`${name} is ${figures.of(name)}, not 0`);
  for (const [name, [ci, full]] of Object.entries(scenario.least)) {
    const wanted = nightly ? full : ci;
    const done = figures.of(name as FigureName);
    if (done < wanted) fail(`${name} is ${done}: at least ${wanted} would prove something`);
  }
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  say(`${faults.length === 0 ? "ok    " : "FAILED"} ${scenario.name.padEnd(14)} ${seconds.padStart(6)} s  ${figures.inWords()}`);
  return { figures, faults };
}

/** FNV-1a over the name: scenarios of one run draw different numbers, and each draws the same ones when it runs alone. */
function seedOf(name: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
