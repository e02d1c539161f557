import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import type { MomentName } from "../moments.ts";
import type { Bench, Scenario } from "../scenario.ts";
import type { Seat } from "../seat.ts";
import { onStage, type Stage } from "../stage.ts";
import { keepSending } from "../traffic.ts";
import { deliverVerdict } from "../verdict.ts";

const clockPreload = pathToFileURL(path.resolve(import.meta.dirname, "../clock-preload.ts")).href;
const deadlineSeconds = 6;
/** For a process to end after its deadline has passed, on a busy machine. */
const graceSeconds = 1.5;

/** What a worker is doing when it is asked to stop, and how long it then goes on doing it. */
const states: readonly { readonly moment: MomentName; readonly lastsMs: number; readonly withinSeconds: number }[] = [
  { moment: "parked", lastsMs: 0, withinSeconds: 2.5 },
  { moment: "received", lastsMs: 500, withinSeconds: deadlineSeconds },
  { moment: "masked", lastsMs: 500, withinSeconds: deadlineSeconds },
  { moment: "masked", lastsMs: 60_000, withinSeconds: deadlineSeconds + graceSeconds },
  { moment: "committing", lastsMs: 500, withinSeconds: deadlineSeconds },
  { moment: "committed", lastsMs: 500, withinSeconds: deadlineSeconds },
  { moment: "deleting", lastsMs: 500, withinSeconds: deadlineSeconds },
];

/** Workers that come and go in order, and clocks that are set. */
export const stops: Scenario = {
  name: "stops",
  about: "SIGTERM in every state, a rolling restart of 4 workers, 1 to 4 to 1 workers, clocks that jump by an hour",
  least: {},
  async run(bench) {
    await inEachState(bench);
    await rolling(bench);
    await clocks(bench);
  },
};

async function inEachState(bench: Bench): Promise<void> {
  const options = { maxReceiveCount: 5, visibilitySeconds: 8, settings: `run: { stop_seconds: ${deadlineSeconds} }\n` };
  await onStage(bench, options, async (stage) => {
    const seat = await stage.seat("stopped");
    for (let round = 0; round < bench.size(1, 20); round += 1) {
      for (const { moment, lastsMs, withinSeconds } of states) {
        seat.start();
        if (moment !== "parked") stage.send(50);
        const held = await seat.hold(moment);
        if (held === null) {
          bench.fail(`the worker did not come to the moment "${moment}"`);
          await seat.kill();
          continue;
        }
        if (moment === "parked") held.letGo();
        await pause(moment === "parked" ? 500 : 0);
        const stopped = stage.stop(seat, { withinSeconds, where: `while "${moment}" for ${lastsMs} ms`, closes: lastsMs < 60_000 });
        await Promise.race([stopped, pause(lastsMs, undefined, { ref: false })]);
        if (moment !== "parked") held.letGo();
        await stopped;
      }
      await inAnOutage(bench, stage, seat);
      // each stop gives back what is held, which spends a receive: no message is to meet more stops than one round has
      seat.start();
      await stage.untilWorking([seat]);
      await stage.untilDrained(30);
      await stage.stop(seat);
    }
    await deliverVerdict(bench, stage, { deadLetters: "none" });
  });
}

/** The database is away, messages are held, and the worker waits for it. */
async function inAnOutage(bench: Bench, stage: Stage, seat: Seat): Promise<void> {
  seat.start();
  stage.send(50);
  const held = await seat.hold("masked");
  if (held === null) return bench.fail("the worker did not come to load anything");
  await stage.postgres.crash();
  held.letGo();
  await pause(1_000);
  await stage.stop(seat, { withinSeconds: deadlineSeconds + graceSeconds, where: "in an outage of the database", closes: false });
  await stage.postgres.start();
}

/** No worker is missed by another: nothing is handed out again but what a stopped one has given back. */
async function rolling(bench: Bench): Promise<void> {
  await onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 10 }, async (stage) => {
    const seats = await Promise.all([1, 2, 3, 4].map((number) => stage.seat(`rolling-${number}`)));
    const [first, ...others] = seats;
    if (first === undefined) return;
    first.start();
    await stage.untilWorking([first]);
    const traffic = keepSending(stage, 300);
    await pause(500);
    for (const seat of others) seat.start();
    await stage.untilWorking(others);
    let givenBack = 0;
    const stop = async (seat: Seat): Promise<void> => {
      await stage.stop(seat);
      givenBack += seat.holding;
    };
    for (let round = 0; round < bench.size(1, 10); round += 1) {
      for (const seat of seats) {
        await pause(bench.random.below(300));
        await stop(seat);
        seat.start();
        await stage.untilWorking([seat]);
      }
    }
    for (const seat of others) await stop(seat);
    await pause(500);
    traffic.stop();
    await stage.untilDrained(30);
    await stop(first);
    const { redeliveries } = stage.queues.counters;
    bench.say(`${seats.length} workers in turns: ${givenBack} messages given back, ${redeliveries} handed out again`);
    if (redeliveries > givenBack)
      bench.fail(`${redeliveries} messages were handed out again; stopped workers had given back ${givenBack}`);
    await deliverVerdict(bench, stage, { deadLetters: "none" });
  });
}

/** Durations are not measured with a clock that can be set: no lease is lost over it, and nothing is handed out twice. */
async function clocks(bench: Bench): Promise<void> {
  await onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 3 }, async (stage) => {
    const seats = await Promise.all([1, 2].map((number) => stage.seat(`clock-${number}`)));
    const running = seats.map((seat) => seat.start([], { NODE_OPTIONS: `--import ${clockPreload}` }));
    await stage.untilWorking(seats);
    const traffic = keepSending(stage, 300);
    for (let jump = 0; jump < bench.size(6, 60); jump += 1) {
      await pause(300 + bench.random.below(500));
      for (const seat of seats) seat.signal("SIGUSR2");
    }
    traffic.stop();
    await stage.untilDrained(30);
    for (const seat of seats) await stage.stop(seat);
    for (const { stderr } of await Promise.all(running.map(({ finished }) => finished))) {
      if (!stderr.includes("the clock was set: 1 h") || !stderr.includes("the clock was set: -1 h")) bench.fail("no clock jumped");
    }
    const { redeliveries } = stage.queues.counters;
    if (redeliveries > 0)
      bench.fail(`${redeliveries} messages were handed out again although no worker failed: a lease was lost over a clock`);
    await deliverVerdict(bench, stage, { deadLetters: "none" });
  });
}
