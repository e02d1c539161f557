import { onStage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";
import { type Trial, withProgram } from "./trial.ts";

const rounds = 2;
const messages = 100;

/** kill -9 before and behind the COMMIT of a load, again and again; then one that nobody disturbs finishes the work. */
export const killedAtTheCommit: Trial = {
  name: "killed at the commit",
  run: (bench, program) =>
    onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 2 }, async (stage) => {
      const seat = await stage.seat("killed", withProgram(program));
      for (let round = 0; round < rounds; round += 1) {
        for (const moment of ["masked", "committed"] as const) {
          stage.send(messages);
          seat.start();
          const held = await seat.hold(moment);
          if (held === null) bench.fail(`no worker came to the moment "${moment}"`);
          await seat.kill();
          held?.letGo("cut");
        }
      }
      const last = await stage.seat("undisturbed", withProgram(program));
      last.start();
      await stage.untilDrained(60);
      await stage.stop(last);
      await deliverVerdict(bench, stage, { deadLetters: "told" });
    }),
};
