import assert from "node:assert/strict";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import { countRows } from "../harness/login-table.ts";
import {
  type RunningCommand,
  type Servers,
  startMaskline,
  startNode,
  startServers,
  type Workspace,
  openWorkspace,
} from "../harness/workspace.ts";

const messages = 5_000;
const visibilitySeconds = 4;
const hastyConsumer = path.resolve(import.meta.dirname, "../harness/hasty-consumer.ts");
/** Small batches: more moments at which a kill can fall between two steps. */
const runArguments = ["run", "--set", "run.batch_rows=100"];

/** What became of the messages: every one must be a row or in the quarantine, exactly once. */
async function lostAndDoubled({ database }: Workspace, sent: number): Promise<{ lost: number; doubled: number }> {
  const rows = await countRows(database, "user_logins");
  const distinct = await countRows(
    database,
    "(SELECT DISTINCT user_id, masked_ip, masked_device_id FROM user_logins) AS distinct_logins",
  );
  const quarantined = await countRows(database, "maskline.quarantine");
  return { lost: sent - distinct - quarantined, doubled: rows - distinct };
}

suite("kill -9 in the middle of a drain", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  test("loses nothing and doubles nothing: a second drain finishes the work", { timeout: 180_000 }, async () => {
    const place = await openWorkspace(servers, { visibilitySeconds });
    try {
      const events = [...sampleEvents({ count: messages, seed: 7 })];
      await place.send(events.map(({ body }) => body));
      const holding = await killHoldingMessages(servers, place, () => startMaskline(place.folder, runArguments));
      assert.ok(holding > 0, "the killed process held messages");

      const { code, stdout, stderr } = await place.maskline("run", "--drain", "--idle", `${visibilitySeconds + 2}s`, "--json");
      assert.equal(code, 0, stderr);
      assert.deepEqual(await lostAndDoubled(place, messages), { lost: 0, doubled: 0 });
      const { received, loaded, duplicate, quarantined, returned } = JSON.parse(stdout) as Record<string, number>;
      assert.equal(received, (loaded ?? 0) + (duplicate ?? 0) + (quarantined ?? 0) + (returned ?? 0));

      // heard of within the last minute, they would be taken for running
      await place.database.query("ageing", "UPDATE maskline.replica SET seen_at = seen_at - interval '1 minute'");
      const ledger = JSON.parse((await place.maskline("ledger", "--json")).stdout) as {
        runs: { state: string; difference: number }[];
      };
      assert.deepEqual(
        ledger.runs.map(({ state }) => state),
        ["closed", ...ledger.runs.slice(1).map(() => "killed")],
        "the last run closed; killed ones never do",
      );
      assert.equal(ledger.runs[0]?.difference, 0);
    } finally {
      await place.close();
    }
  });

  test("that check fails for a consumer that deletes before it commits", { timeout: 180_000 }, async () => {
    const place = await openWorkspace(servers, { visibilitySeconds });
    try {
      await place.send([...sampleEvents({ count: messages, seed: 8 })].map(({ body }) => body));
      const consumer = startNode(place.folder, [hastyConsumer, place.file]);
      await consumer.says("deleted, not loaded");
      consumer.kill("SIGKILL");
      await consumer.finished;
      const { code, stderr } = await place.maskline("run", "--drain", "--idle", `${visibilitySeconds + 2}s`);
      assert.equal(code, 0, stderr);
      const { lost } = await lostAndDoubled(place, messages);
      assert.ok(lost > 0, "what was deleted and not committed is lost, and the check sees it");
    } finally {
      await place.close();
    }
  });
});

/**
 * Starts a consumer, kills it hard once rows have arrived, and says how many messages it held. A kill that falls between two batches
 * proves nothing: then another consumer is started and killed.
 */
async function killHoldingMessages(servers: Servers, place: Workspace, start: () => RunningCommand): Promise<number> {
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const enough = (await countRows(place.database, "user_logins")) + 300;
    const consumer = start();
    let ended = false;
    void consumer.finished.then(() => (ended = true));
    while (!ended && (await countRows(place.database, "user_logins")) < enough) await pause(2);
    consumer.kill("SIGKILL");
    const { signal, stderr } = await consumer.finished;
    assert.equal(signal, "SIGKILL", `the consumer ended by itself: ${stderr}`);
    const { inFlight } = await servers.queues.counts(place.queueUrl);
    if (inFlight > 0) return inFlight;
  }
  return 0;
}
