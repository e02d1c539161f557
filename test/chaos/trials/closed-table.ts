import { setTimeout as pause } from "node:timers/promises";

import { startMaskline, startNode } from "../../harness/workspace.ts";
import { onStage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";
import { type Trial, withProgram } from "./trial.ts";

const messages = 50;

/** The table takes no row any more, whichever it is. That is nobody's fault but the table's: the run ends, and nothing is quarantined. */
export const closedTable: Trial = {
  name: "a closed table",
  run: (bench, program) =>
    onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 2 }, async (stage) => {
      const seat = await stage.seat("misfit", withProgram(program));
      const first =
        program === undefined
          ? startMaskline(stage.folder, ["run", "--json"], seat.environment)
          : startNode(stage.folder, [program], seat.environment);
      await stage.untilWorking([seat]);
      await stage.admin.query("ALTER TABLE user_logins ADD CONSTRAINT closed CHECK (false) NOT VALID");
      stage.send(messages);
      let ended = false;
      void first.finished.then(() => (ended = true));
      const deadline = performance.now() + 20_000;
      while (!ended && stage.left > 0 && performance.now() < deadline) await pause(20);
      first.kill("SIGKILL");
      await stage.admin.query("ALTER TABLE user_logins DROP CONSTRAINT closed");
      seat.start();
      await stage.untilDrained(60);
      await stage.stop(seat);
      await deliverVerdict(bench, stage, { deadLetters: "told" });
    }),
};
