import path from "node:path";

import { damages, type FigureName, Figures } from "../figures.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { canaries } from "../trials/canaries.ts";
import { closedTable } from "../trials/closed-table.ts";
import { erasuresThatShare } from "../trials/erasures-that-share.ts";
import { killedAtTheCommit } from "../trials/killed-at-the-commit.ts";
import { lostAnswers } from "../trials/lost-answers.ts";
import { outage } from "../trials/outage.ts";
import { overlappingLoads } from "../trials/overlapping-loads.ts";
import type { Trial } from "../trials/trial.ts";

/** A broken program, and how the trial finds it out: by a damage that it counts, or in its own words. */
interface Control {
  /** A file of test/chaos/controls. */
  readonly program: string;
  readonly sign: FigureName | RegExp;
}

const trials: readonly (readonly [Trial, readonly Control[]])[] = [
  [
    killedAtTheCommit,
    [
      { program: "deletes-first", sign: "lost" },
      { program: "no-receipts", sign: "doubled" },
    ],
  ],
  [overlappingLoads, [{ program: "unsorted-receipts", sign: /^\d+ deadlocks/ }]],
  [lostAnswers, [{ program: "commit-repeated", sign: /^the account of a run that ended in order is/ }]],
  [closedTable, [{ program: "misfit-is-poison", sign: "falseQuarantines" }]],
  [outage, [{ program: "outage-is-poison", sign: "falseQuarantines" }]],
  [
    erasuresThatShare,
    [
      { program: "erases-what-others-share", sign: /^\d+ values of persons who were not erased do not open/ },
      { program: "erases-unlocked", sign: /^\d+ originals have no link/ },
    ],
  ],
  [
    canaries,
    [
      { program: "plain-quarantine", sign: /^a canary lies in every table/ },
      { program: "printed-body", sign: /^a canary lies in stderr/ },
    ],
  ],
];

/** What the bench promises to find, it must find where it is: each trial passes the real program and catches the broken ones. */
export const controls: Scenario = {
  name: "controls",
  about: "the bench against programs that are broken on purpose: each must be caught, and the real one must not",
  least: { controls: [10, 10], controlsCaught: [10, 10] },
  run: async (bench) => {
    const waiting = trials.values();
    const takeTurns = async (): Promise<void> => {
      for (const [trial, broken] of waiting) await runTrial(bench, trial, broken);
    };
    // they wait more than they work
    await Promise.all([takeTurns(), takeTurns()]);
  },
};

async function runTrial(bench: Bench, trial: Trial, broken: readonly Control[]): Promise<void> {
  const real = await attempt(bench, trial);
  for (const fault of real.faults) bench.fail(`${trial.name}, the real program: ${fault}`);
  for (const { program, sign } of broken) {
    const { figures, faults } = await attempt(bench, trial, path.resolve(import.meta.dirname, `../controls/${program}.ts`));
    const caught = typeof sign === "string" ? figures.of(sign) > 0 : faults.some((fault) => sign.test(fault));
    bench.figures.add("controls");
    if (caught) bench.figures.add("controlsCaught");
    else bench.fail(`${trial.name}: ${program} was not caught; what was found: ${faults.join("; ").slice(0, 500) || "nothing"}`);
    bench.say(`${trial.name}: ${program} ${caught ? `caught (${figures.inWords() || faults[0]})` : "not caught"}`);
  }
}

/** With figures and faults of its own: damage is wanted here, and must not count as the product's. */
async function attempt(
  bench: Bench,
  trial: Trial,
  program?: string,
): Promise<{ readonly figures: Figures; readonly faults: readonly string[] }> {
  const figures = new Figures();
  const faults: string[] = [];
  const own: Bench = { ...bench, figures, fail: (text) => void faults.push(text), say: () => {} };
  await trial.run(own, program).catch((error: unknown) => faults.push(error instanceof Error ? error.message : String(error)));
  for (const name of damages) if (figures.of(name) > 0) faults.push(`${name} is ${figures.of(name)}`);
  return { figures, faults };
}
