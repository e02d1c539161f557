import { setTimeout as pause } from "node:timers/promises";

import type { Bench, Scenario } from "../scenario.ts";
import { onStage, type Stage } from "../stage.ts";
import { keepSending, untilFullSpeed } from "../traffic.ts";
import { deliverVerdict } from "../verdict.ts";

const perSecond = 200;
const recoverWithinSeconds = 10;

/** A database that goes away and comes back. Workers wait for it: none of them ends, nothing is quarantined, nothing dies. */
export const databaseOutages: Scenario = {
  name: "database-outages",
  about: "PostgreSQL crashes and starts again under load, stays away for long, comes back read-only and is promoted",
  least: { restarts: [5, 50] },
  async run(bench) {
    await onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 3 }, async (stage) => {
      const seats = await Promise.all([1, 2].map((number) => stage.seat(`outages-${number}`)));
      for (const seat of seats) seat.start();
      await stage.untilWorking(seats);
      const traffic = keepSending(stage, perSecond);
      for (let restart = 0; restart < bench.size(4, 48) && stage.manned; restart += 1)
        await crashFor(bench, stage, bench.random.below(500));
      for (const seconds of bench.nightly ? [30, 60] : [5]) if (stage.manned) await crashFor(bench, stage, seconds * 1_000);
      if (stage.manned) await fallBack(bench, stage);
      traffic.stop();
      await stage.untilDrained(60);
      for (const seat of seats) await stage.stop(seat);
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    });
  },
};

async function crashFor(bench: Bench, stage: Stage, milliseconds: number): Promise<void> {
  await pause(200 + bench.random.below(600));
  const connected = await stage.connections();
  await stage.postgres.crash();
  await pause(milliseconds);
  await stage.postgres.start();
  if (connected > 0) bench.figures.add("restarts");
  await tellRecovery(bench, stage, `away for ${(milliseconds / 1_000).toFixed(1)} s`);
}

/** As in a failover: the server that answers can only be read for a while, and is promoted then. */
async function fallBack(bench: Bench, stage: Stage): Promise<void> {
  await stage.postgres.shutDown();
  await stage.postgres.startAsStandby();
  await stage.untilLogged(/cannot set transaction read-write mode during recovery/);
  await pause(1_000);
  await stage.admin.query("SELECT pg_promote(true, 30)");
  await tellRecovery(bench, stage, "read-only, then promoted");
}

async function tellRecovery(bench: Bench, stage: Stage, after: string): Promise<void> {
  const seconds = await untilFullSpeed(stage, perSecond, recoverWithinSeconds);
  if (seconds === null) return bench.fail(`${after}: not at full speed ${recoverWithinSeconds} s after the database was back`);
  bench.say(`${after}: full speed ${seconds.toFixed(1)} s after it was back`);
}
