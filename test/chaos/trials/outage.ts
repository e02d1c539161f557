import { setTimeout as pause } from "node:timers/promises";

import { onStage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";
import { type Trial, withProgram } from "./trial.ts";

const messages = 50;
const awayMs = 1_000;

/** The database goes away with a batch on its way to it, and comes back. */
export const outage: Trial = {
  name: "an outage",
  run: (bench, program) =>
    onStage(bench, { maxReceiveCount: 5, visibilitySeconds: 30 }, async (stage) => {
      const seat = await stage.seat("waiting", withProgram(program));
      seat.start();
      await stage.untilWorking([seat]);
      const loading = seat.hold("masked");
      stage.send(messages);
      const held = await loading;
      await stage.postgres.crash();
      held?.letGo("cut");
      await pause(awayMs);
      await stage.postgres.start();
      await stage.untilDrained(60);
      await stage.stop(seat);
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    }),
};
