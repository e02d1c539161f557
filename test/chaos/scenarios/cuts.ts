import { setTimeout as pause } from "node:timers/promises";

import type { Bench, Scenario } from "../scenario.ts";
import type { Seat } from "../seat.ts";
import { onStage, type Stage } from "../stage.ts";
import { keepSending } from "../traffic.ts";
import { deliverVerdict } from "../verdict.ts";

/** Cuts a worker off in some way; how many connections were hit. */
type Cut = (seat: Seat, bench: Bench) => Promise<number>;

const calm = { delayMs: [0, 0], slice: null, endAfterBytes: null } as const;
/** Longer than it takes to send the rows of a batch, in pieces: some connections end in the middle of it, some in an answer. */
const fewBytes = [500, 60_000] as const;

const cuts: readonly Cut[] = [
  (seat) => atOnce(seat.database.cutAll("reset")),
  (seat) => atOnce(seat.queue?.cutAll("reset") ?? 0),
  (seat) => atMoment(seat, "masked", "cut"),
  (seat) => atMoment(seat, "committing", "reset"),
  (seat) => atMoment(seat, "committed", "reset"),
  (seat) => atOnce(seat.database.cutAll("cut")),
  (seat) => queueAt(seat, "received"),
  (seat) => queueAt(seat, "deleting"),
  (seat) => atMoment(seat, "committed", "cut"),
  (seat, bench) => inTheMiddle(seat, bench),
];

/** Connections that end, at any time and in the middle of what counts. */
export const networkCuts: Scenario = {
  name: "cuts",
  about: "connections cut on both sides, in the middle of a batch, of a COMMIT and of its answer; slow and half-open ones",
  least: { cuts: [30, 500], commitsInDoubt: [6, 100], redeliveries: [1, 1] },
  async run(bench) {
    await onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 5 }, async (stage) => {
      const seats = await Promise.all([1, 2].map((number) => stage.seat(`cuts-${number}`, { queueProxy: true })));
      for (const seat of seats) seat.start();
      await stage.untilWorking(seats);
      const traffic = keepSending(stage, 200);
      await Promise.all(seats.map((seat, number) => cutAgainAndAgain(bench, seat, number)));
      await slowly(bench, seats);
      traffic.stop();
      await stage.untilDrained(90);
      for (const seat of seats) await stage.stop(seat);
      bench.figures.add("commitsInDoubt", inDoubt(seats));
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    });
    if (bench.nightly) await halfOpen(bench);
    else
      bench.skip("half-open connections to the database", "they take longer to be given up (75 s) than a small run may; --nightly");
  },
};

async function cutAgainAndAgain(bench: Bench, seat: Seat, first: number): Promise<void> {
  const count = bench.size(20, 300);
  for (let turn = 0; turn < count && seat.occupied; turn += 1) {
    await pause(bench.random.below(300));
    const cut = cuts[(turn * 2 + first) % cuts.length] ?? cuts[0];
    const hit = (await cut?.(seat, bench)) ?? 0;
    if (hit > 0) bench.figures.add("cuts");
  }
}

async function atOnce(hit: number): Promise<number> {
  return hit;
}

async function atMoment(seat: Seat, moment: "masked" | "committing" | "committed", how: "cut" | "reset"): Promise<number> {
  const held = await seat.hold(moment);
  held?.letGo(how);
  return held === null ? 0 : 1;
}

/** What the queue has done, or is asked to do, and nobody hears of. */
async function queueAt(seat: Seat, moment: "received" | "deleting"): Promise<number> {
  const held = await seat.hold(moment);
  const hit = seat.queue?.cutAll("cut") ?? 0;
  held?.letGo();
  return held === null ? 0 : hit;
}

/** Connections that end after so many bytes, wherever that is. */
async function inTheMiddle(seat: Seat, bench: Bench): Promise<number> {
  const before = seat.database.counters.resets;
  seat.database.set({ slice: { bytes: 1_000, pauseMs: 1 }, endAfterBytes: fewBytes, endHow: "reset" });
  await pause(bench.size(500, 1_000));
  seat.database.set(calm);
  return seat.database.counters.resets - before;
}

/** Slower than the visibility timeout: a load makes three round trips and more. */
async function slowly(bench: Bench, seats: readonly Seat[]): Promise<void> {
  for (const seat of seats) seat.database.set({ delayMs: [500, bench.size(1_500, 5_000)] });
  await pause(bench.size(8_000, 180_000));
  for (const seat of seats) seat.database.set(calm);
}

/** A connection that stays and says nothing. */
async function halfOpen(bench: Bench): Promise<void> {
  await onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 5 }, async (stage: Stage) => {
    const seat = await stage.seat("half-open", { queueProxy: true });
    seat.start();
    await stage.untilWorking([seat]);
    const traffic = keepSending(stage, 100);
    for (const proxy of [seat.database, seat.queue]) {
      await pause(2_000);
      if ((proxy?.cutAll("half_open") ?? 0) > 0) bench.figures.add("cuts");
      await pause(90_000);
      proxy?.endHalfOpen();
    }
    traffic.stop();
    await stage.untilDrained(120);
    await stage.stop(seat);
    await deliverVerdict(bench, stage, { deadLetters: "none" });
  });
}

function inDoubt(seats: readonly Seat[]): number {
  return seats.reduce((sum, { database }) => sum + database.counters.answersLost, 0);
}
