import type { MomentName } from "../moments.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { onStage, type Stage } from "../stage.ts";
import { deliverVerdict } from "../verdict.ts";

/** Of a replay's transaction: before its rows, before its COMMIT, and between its COMMIT and the answer. */
const failpoints: readonly MomentName[] = ["masked", "committing", "committed"];
const replayAll = ["quarantine", "replay", "--all", "--reason", "the constraint is gone", "--ticket", "CHAOS-1"];
/** Half of them are refused, and one kill in three leaves a batch of 100 loaded. */
const messagesEach = 200;

/** Messages that a constraint sent to the quarantine are replayed after it is gone; the replay is killed again and again, then run twice at once. */
export const replay: Scenario = {
  name: "replay",
  about: "kill -9 at every step of a replay of quarantined messages, then two replays at once",
  least: { kills: [9, 60] },
  async run(bench) {
    await onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 30 }, (stage) => killReplays(bench, stage));
  },
};

async function killReplays(bench: Bench, stage: Stage): Promise<void> {
  const kills = bench.size(9, 60);
  await stage.admin.query("ALTER TABLE public.user_logins ADD CONSTRAINT half CHECK (left(md5(user_id), 1) < '8')");
  const loader = await stage.seat("loader");
  stage.send(kills * messagesEach);
  loader.start();
  await stage.untilDrained(120);
  await stage.stop(loader);
  await stage.admin.query("ALTER TABLE public.user_logins DROP CONSTRAINT half");
  await stage.admin.query("INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, 'quarantine', 'replay')");
  const before = await quarantined(stage);
  const seat = await stage.seat("replayed");
  for (let killed = 0; killed < kills; killed += 1) {
    const moment = failpoints[killed % failpoints.length] as MomentName;
    seat.startCommand(replayAll);
    const held = await seat.hold(moment);
    if (held === null) return bench.fail(`a replay came to its end before it could be killed at "${moment}"`);
    await seat.kill();
    held.letGo("cut");
    bench.figures.add("kills");
  }
  const between = await quarantined(stage);
  if (between >= before) bench.fail("no replay that was killed had loaded anything");
  if (between === 0) bench.fail("nothing was left for the replays that nobody kills");
  await Promise.all([stage.succeeds(...replayAll), stage.succeeds(...replayAll)]);
  // whoever is good is a row now, once: the oracle counts good messages in the quarantine
  await deliverVerdict(bench, stage, { deadLetters: "told" });
  await checkReceipts(bench, stage);
}

async function quarantined(stage: Stage): Promise<number> {
  const [row] = await stage.admin.query<{ count: number }>("SELECT count(*)::int AS count FROM maskline.quarantine");
  return row?.count ?? 0;
}

/** A receipt says loaded for each row, and quarantined for each message that is still there. */
async function checkReceipts(bench: Bench, stage: Stage): Promise<void> {
  const [row] = await stage.admin.query<{ loaded: number; rows: number; held: number; quarantined: number }>(
    `SELECT (SELECT count(*)::int FROM maskline.receipt WHERE outcome = 'loaded') AS loaded,
            (SELECT count(*)::int FROM public.user_logins) AS rows,
            (SELECT count(*)::int FROM maskline.receipt WHERE outcome = 'quarantined') AS held,
            (SELECT count(*)::int FROM maskline.quarantine) AS quarantined`,
  );
  if (row === undefined || row.loaded !== row.rows || row.held !== row.quarantined) {
    bench.fail(`receipts do not tell what became of the messages: ${JSON.stringify(row)}`);
  }
}
