import { setTimeout as pause } from "node:timers/promises";

import type { Scenario } from "../scenario.ts";
import { onStage } from "../stage.ts";
import { keepSending } from "../traffic.ts";
import { deliverVerdict } from "../verdict.ts";

/** 30 % of all calls in sum. Of the unanswered and the reset ones half have had their effect. */
const faultyCalls = { serverErrors: 0.08, unavailable: 0.07, throttled: 0.09, resets: 0.055, unanswered: 0.005 };

/** A queue that fails, throttles, forgets and repeats itself. */
export const queueFaults: Scenario = {
  name: "queue-faults",
  about: "faults on 30 % of the queue's calls, 20 % duplicates, partial deletes, expired credentials, the queue down",
  least: { redeliveries: [500, 10_000] },
  async run(bench) {
    await onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 10 }, async (stage) => {
      const { queues } = stage;
      const seats = await Promise.all([1, 2].map((number) => stage.seat(`faults-${number}`)));
      for (const seat of seats) seat.start();
      await stage.untilWorking(seats);
      Object.assign(queues.faults, faultyCalls, {
        duplicates: 0.2,
        reordered: 0.3,
        partialDeletes: 0.2,
        forgottenDeletes: 0.01,
        emptyReceives: 0.1,
      });
      const traffic = keepSending(stage, 400);
      await pause(bench.size(8_000, 120_000));

      queues.faults.expiredCredentials = 0.7;
      await pause(bench.size(2_000, 20_000));
      queues.faults.expiredCredentials = 0;
      queues.faults.down = true;
      await pause(bench.size(2_000, 30_000));
      queues.faults.down = false;
      await pause(bench.size(2_000, 20_000));
      traffic.stop();

      // what was forgotten comes again until it is deleted for good
      await stage.untilDrained(bench.size(90, 300));
      for (const kind of [...Object.keys(faultyCalls), "expiredCredentials"]) {
        const met = Object.entries(queues.counters.faultsOf).filter(([name]) => name.startsWith(kind));
        if (met.length === 0) bench.fail(`no call met the fault ${kind}`);
      }
      const calls = Object.values(queues.counters.calls).reduce((sum, count) => sum + count, 0);
      bench.say(
        `${queues.counters.faults} of ${calls} calls failed, ${queues.counters.duplicates} duplicates, ${queues.counters.failedDeletes} deletes failed`,
      );
      Object.assign(queues.faults, Object.fromEntries(Object.keys(faultyCalls).map((kind) => [kind, 0])));
      for (const seat of seats) await stage.stop(seat);
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    });
  },
};
