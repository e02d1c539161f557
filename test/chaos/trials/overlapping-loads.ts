import { onStage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";
import { type Trial, withProgram } from "./trial.ts";

const rounds = 3;
const messages = 200;
/** Receipts are written one by one, so that two loads are sure to meet. */
const slowly = `CREATE FUNCTION maskline.slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$`;

/** Two workers load the same messages at the same time. Neither may be the other's deadlock. */
export const overlappingLoads: Trial = {
  name: "overlapping loads",
  run: (bench, program) =>
    onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 3 }, async (stage) => {
      await stage.admin.query(slowly);
      await stage.admin.query(
        "CREATE TRIGGER slowly BEFORE INSERT ON maskline.receipt FOR EACH ROW EXECUTE PROCEDURE maskline.slowly()",
      );
      const seats = await Promise.all([1, 2].map((number) => stage.seat(`overlapping-${number}`, withProgram(program))));
      for (const seat of seats) seat.start();
      await stage.untilWorking(seats);
      stage.queues.faults.duplicates = 1;
      for (let round = 0; round < rounds; round += 1) {
        const loading = seats.map((seat) => seat.hold("masked", 2_000));
        stage.send(messages);
        for (const held of await Promise.all(loading)) held?.letGo();
        await stage.untilDrained(60);
      }
      stage.queues.faults.duplicates = 0;
      await stage.untilDrained(60);
      for (const seat of seats) await stage.stop(seat);
      const deadlocks = await stage.logged(/deadlock detected/);
      if (deadlocks > 0) bench.fail(`${deadlocks} deadlocks`);
      await deliverVerdict(bench, stage, { deadLetters: "told" });
    }),
};
