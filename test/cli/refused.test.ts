import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { countRows } from "../harness/login-table.ts";
import { createQueue, deadLettersTo, setAttributes } from "../harness/queues.ts";
import { versionless } from "../harness/refused-logins.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, succeeded } from "./expect.ts";

const good = versionless("good").replace("}", ',"app_version":"2.3.0"}');
const unlucky = good.replace("good", "unlucky");

suite("run.refused says what becomes of refused messages", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  /** One message that fits, one that the contract refuses, one that the database does. */
  async function open(): Promise<Workspace> {
    const place = await openWorkspace(servers);
    await place.database.query("constraining", "ALTER TABLE user_logins ADD CONSTRAINT lucky CHECK (user_id <> 'unlucky')");
    await place.send([good, "not json", unlucky]);
    return place;
  }

  test(
    "dead-letter: they go back until the queue gives up on them, and nothing of them is stored",
    { timeout: 120_000 },
    async () => {
      const place = await open();
      try {
        const run = ["run", "--drain", "--idle", "9s", "--set", "run.refused=dead-letter", "--json"];
        const unfit = await place.maskline(...run.slice(0, -1));
        failed(unfit, { code: "queue_unfit", says: /has no redrive policy/, next: /run\.refused=quarantine/ });
        const deadUrl = await createQueue(servers.queues.endpoint, "refused-dead");
        await setAttributes(place.queueUrl, await deadLettersTo(deadUrl, 1));
        const { loaded, quarantined, returned } = documentOf(succeeded(await place.maskline(...run))) as Record<string, number>;
        assert.deepEqual({ loaded, quarantined, returned }, { loaded: 1, quarantined: 0, returned: 2 });
        assert.equal((await servers.queues.counts(deadUrl)).visible, 2);
        assert.equal(await countRows(place.database, "maskline.quarantine"), 0);
        assert.equal(await countRows(place.database, "maskline.receipt"), 1, "what went back may still become a row");
        await place.database.query("relaxing", "ALTER TABLE user_logins DROP CONSTRAINT lucky");
        const drained = documentOf(succeeded(await place.maskline("dlq", "drain", "--idle", "1s", "--json"))) as Record<
          string,
          number
        >;
        assert.deepEqual([drained["loaded"], drained["quarantined"]], [1, 1]);
      } finally {
        await place.close();
      }
    },
  );

  test(
    "drop: they are deleted without a trace of the body, only with consent, and never come back",
    { timeout: 120_000 },
    async () => {
      const place = await open();
      try {
        const drop = ["run", "--max-messages", "3", "--set", "run.refused=drop"];
        const consent = ["--set", "run.insecure=true"];
        const faulty = await place.maskline(...drop);
        assert.match(faulty.stderr, /run\.refused {2}drop deletes what does not fit .* add insecure: true/);
        assert.equal(faulty.code, 2);
        const ran = succeeded(await place.maskline(...drop, ...consent));
        assert.match(ran.stderr, /warning: refused messages are dropped/);
        assert.match(ran.stderr, /3 received = 1 loaded \+ 0 duplicate \+ 2 quarantined \+ 0 returned/);
        assert.equal(await countRows(place.database, "maskline.quarantine"), 0);
        const outcomes = await place.database.query<{ outcome: string }>(
          "looking",
          "SELECT outcome FROM maskline.receipt ORDER BY 1",
        );
        assert.deepEqual(
          outcomes.map(({ outcome }) => outcome),
          ["discarded", "discarded", "loaded"],
        );
        assert.deepEqual(await servers.queues.counts(place.queueUrl), { visible: 0, inFlight: 0, delayed: 0 });
        assert.equal(await countRows(place.database, "maskline.ledger_reason"), 2, "why is counted");
      } finally {
        await place.close();
      }
    },
  );
});
