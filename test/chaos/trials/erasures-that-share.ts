import { setTimeout as pause } from "node:timers/promises";

import { eraseCommand, onPeoplesStage } from "../people.ts";
import { inShort, type Stage } from "../stage.ts";
import { judgeVault } from "../vault-oracle.ts";
import { deliverVerdict } from "../verdict.ts";
import { type Trial, withProgram } from "./trial.ts";

const erased = ["ann", "bob"];

/** Two are erased at once who share one value with each other, and one with somebody who stays. */
export const erasuresThatShare: Trial = {
  name: "erasures that share",
  run: (bench, program) =>
    onPeoplesStage(bench, async (stage, people) => {
      const loader = await stage.seat("loader");
      people.send(erased.map((person) => ({ person, mail: "both@example.org" })));
      people.send([...erased, "carol"].map((person) => ({ person, mail: "all@example.org" })));
      people.send(erased.map((person) => ({ person, mail: `${person}@example.org` })));
      people.sendRefused(erased.map((person) => ({ person, mail: "refused@example.org" })));
      loader.start();
      await stage.untilDrained(60);
      await stage.stop(loader);

      const [first, second] = await Promise.all(erased.map((person) => stage.seat(person, withProgram(program))));
      const erase = async (seat: typeof first): Promise<void> => {
        const finished = await seat?.startCommand(eraseCommand(), {}, `${seat.name}\n`).finished;
        if (finished?.code !== 0) bench.fail(`an erasure ended otherwise: ${finished === undefined ? "" : inShort(finished)}`);
      };
      const erasing = erase(first);
      const held = await first?.hold("committing");
      const other = erase(second);
      await Promise.race([other, untilLocked(stage)]);
      held?.letGo();
      await Promise.all([erasing, other]);
      await judgeVault(bench, stage, (person) => erased.includes(person));
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    }),
};

/** Resolves when somebody waits for another's lock. */
async function untilLocked(stage: Stage): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const [row] = await stage.admin.query<{ waiting: number }>(
      "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    );
    if ((row?.waiting ?? 0) > 0) return;
    await pause(10);
  }
}
