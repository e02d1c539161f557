import { setTimeout as pause } from "node:timers/promises";

import type { MomentName } from "../moments.ts";
import type { Bench, Scenario } from "../scenario.ts";
import type { Seat } from "../seat.ts";
import { onStage, type Stage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";
import { killRekeys } from "./kill-rekeys.ts";

const visibilitySeconds = 3;
const seatsUsed = 3;
const drainSeconds = 60;
/** A batch of the sizes used here is received, loaded and deleted in about this time: a kill within it finds messages held, mostly. */
const killWithinMs = 120;

/** In each a worker holds messages. */
const failpoints: readonly MomentName[] = ["received", "masked", "committing", "committed", "deleting", "extending"];

/** Ends processes the hard way, at any time and where it hurts most. */
export const kill: Scenario = {
  name: "kill",
  about: "kill -9 at random times, at maxReceiveCount 5 and 1000, at every failpoint, and in keys rekey",
  least: {
    kills: [100, 1_000],
    killsHoldingMessages: [50, 500],
    killsBetweenCommitAndDelete: [10, 100],
    redeliveries: [100, 1_000],
  },
  async run(bench) {
    for (const maxReceiveCount of [5, 1_000]) await killAtRandom(bench, maxReceiveCount);
    await killAtFailpoints(bench);
    await killRekeys(bench);
  },
};

/** Messages come at the pace of the kills, so that there is work whenever a worker dies. */
async function killAtRandom(bench: Bench, maxReceiveCount: number): Promise<void> {
  const [kills, messages] = [bench.size(30, 290), bench.size(3_000, 60_000)];
  const { deadLetters } = await onStage(bench, { maxReceiveCount, visibilitySeconds }, async (stage) => {
    await inTurns(stage, kills, async (seat) => {
      stage.send(Math.ceil(messages / kills));
      seat.start();
      await untilHolding(seat);
      await pause(bench.random.below(killWithinMs));
      await killCounted(bench, seat);
    });
    return finish(bench, stage);
  });
  bench.say(`random kills at maxReceiveCount ${maxReceiveCount}: ${deadLetters} dead letters`);
}

async function killAtFailpoints(bench: Bench): Promise<void> {
  const [each, messages] = [bench.size(7, 70), bench.size(4_000, 80_000)];
  const kills = each * failpoints.length;
  const reached = new Map<MomentName, number>();
  await onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds }, async (stage) => {
    await inTurns(stage, kills, async (seat, turn) => {
      stage.send(Math.ceil(messages / kills));
      const moment = failpoints[turn % failpoints.length] as MomentName;
      seat.start();
      const held = moment === "extending" ? await untilExtending(bench, seat) : await seat.hold(moment);
      if (held === null) {
        bench.fail(`no worker came to the moment "${moment}"`);
        return seat.kill();
      }
      if (moment === "received") {
        // in the hands of the process itself, not only of its connection
        held.letGo();
        await pause(bench.random.below(5));
      }
      reached.set(moment, (reached.get(moment) ?? 0) + 1);
      if (moment === "committed" || moment === "deleting") bench.figures.add("killsBetweenCommitAndDelete");
      await killCounted(bench, seat);
      held.letGo("cut");
    });
    await finish(bench, stage);
  });
  bench.say(`killed at ${[...reached].map(([moment, times]) => `${moment} ${times}`).join(", ")}`);
}

/** A heartbeat comes when a load takes long: here it waits for an answer of the database. */
async function untilExtending(bench: Bench, seat: Seat): ReturnType<Seat["hold"]> {
  const load = await seat.hold("masked");
  const beat = await seat.hold("extending", visibilitySeconds * 1_000);
  if (beat !== null || load === null) return beat;
  bench.fail("no visibility was extended although a load took longer than the visibility timeout");
  return load;
}

/** Several seats share the turns, each turn at one seat. */
async function inTurns(stage: Stage, turns: number, take: (seat: Seat, turn: number) => Promise<void>): Promise<void> {
  let next = 0;
  await endInOrder(stage);
  const seats = await Promise.all(Array.from({ length: seatsUsed }, (_, number) => stage.seat(`killed-${number}`)));
  await Promise.all(
    seats.map(async (seat) => {
      while (next < turns) {
        next += 1;
        await take(seat, next - 1);
      }
    }),
  );
}

async function untilHolding(seat: Seat): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (seat.occupied && seat.holding === 0 && performance.now() < deadline) await pause(2);
}

async function killCounted(bench: Bench, seat: Seat): Promise<void> {
  if (!seat.occupied) return;
  const holding = seat.holding > 0;
  await seat.kill();
  bench.figures.add("kills");
  if (holding) bench.figures.add("killsHoldingMessages");
}

/** Only a process that ends in order leaves its compiled code to those that follow: a third less for each start. */
async function endInOrder(stage: Stage): Promise<void> {
  const seat = await stage.seat("first");
  seat.start();
  await stage.untilWorking([seat]);
  await stage.stop(seat);
}

/** One worker that nobody disturbs finishes the work. */
async function finish(bench: Bench, stage: Stage): ReturnType<typeof deliverVerdict> {
  const seat = await stage.seat("undisturbed");
  seat.start();
  await stage.untilWorking([seat]);
  await stage.untilDrained(drainSeconds);
  await stage.stop(seat);
  return deliverVerdict(bench, stage, { deadLetters: "told" });
}
