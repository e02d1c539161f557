import { onStage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";
import { type Trial, withProgram } from "./trial.ts";

const rounds = 4;
const messages = 50;

/** The answer to a COMMIT is lost, and the worker goes on. Its account must close all the same. */
export const lostAnswers: Trial = {
  name: "lost answers",
  run: (bench, program) =>
    onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 30 }, async (stage) => {
      const seat = await stage.seat("unheard", withProgram(program));
      seat.start();
      await stage.untilWorking([seat]);
      for (let round = 0; round < rounds; round += 1) {
        const committed = seat.hold("committed");
        stage.send(messages);
        const held = await committed;
        if (held === null) bench.fail("nothing was committed");
        held?.letGo("reset");
        await stage.untilDrained(60);
      }
      await stage.stop(seat);
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    }),
};
