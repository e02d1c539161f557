import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import type { Message } from "@aws-sdk/client-sqs";

import { findCanaries } from "../harness/canary.ts";
import { createQueue, deadLettersTo, openTestQueue, setAttributes } from "../harness/queues.ts";
import { atTerminal, terminalMissing } from "../harness/terminal.ts";
import { type Finished, openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { dumpTables, otherwise, plainClient, untilWaiting } from "../postgres/databases.ts";
import { documentOf, failed, maskline, succeeded } from "./expect.ts";

const neverStops = new AbortController().signal;
const personal = ["198.51.100.231", "CANARY-dev-81f2c5", "canary-field-0b4c2e"];

interface PreviewDocument {
  readonly received: number;
  readonly loaded: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly maxReceiveCount: number | null;
  readonly refusedAlike: string | null;
  readonly unknownFields: { readonly names: number; readonly more: boolean };
  readonly messages: readonly {
    readonly id: string;
    readonly sentAt: string;
    readonly attempt: number;
    readonly outcome: string;
    readonly row: Readonly<Record<string, string | null>> | null;
    readonly faults: readonly { readonly reason: string; readonly path: string; readonly found: string }[];
  }[];
}

suite("preview", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(async () => servers?.stop());

  async function open(t: { after(work: () => Promise<void>): void }, attributes: Record<string, string> = {}): Promise<Workspace> {
    const place = await openWorkspace(servers);
    t.after(() => place.close());
    await setAttributes(place.queueUrl, attributes);
    return place;
  }

  /** Runs it, and holds that it has stored nothing and given everything back. */
  async function preview(place: Workspace, args: readonly string[] = [], run = maskline): Promise<Finished> {
    const [tables, counts] = [await dumpTables(place.database), await servers.queues.counts(place.queueUrl)];
    const finished = await run(place.folder, ["preview", "--set", "source.sqs.wait_seconds=1", ...args]);
    assert.deepEqual(await dumpTables(place.database), tables, "nothing was stored");
    assert.deepEqual(await servers.queues.counts(place.queueUrl), counts, "every message is visible again");
    return finished;
  }

  test("shows rows as they would be stored, what would be refused and why, and duplicates; and no plain value", async (t) => {
    const place = await open(t);
    await sql(place, "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))");
    await place.send([
      login({ user_id: "plain-user" }),
      login({ user_id: "second-user", canary_name: personal[2], device: { os: 1 } }),
      login({ device_type: "toaster" }),
      login({ ip: `${personal[2]}`, user_id: 7 }),
      `not json ${personal[2]}`,
    ]);
    const shown = succeeded(await preview(place));
    assert.match(shown.stderr, /^receiving up to 10 messages: each is given back, and spends one receive$/m);
    assert.match(shown.stderr, /sequences advance$/m);
    assert.match(shown.stderr, /^5 messages: 2 would be loaded, 0 are duplicates, 3 would be quarantined$/m);
    assert.match(shown.stderr, /^nothing was stored, and all were given back$/m);
    assert.match(shown.stdout, /^would be +user_id +device_type +masked_ip +masked_device_id +locale +app_version +create_date$/m);
    assert.match(shown.stdout, /^loaded +plain-user +ios +[\w-]{50} +[\w-]{40,} +FR +2 +\d{4}-\d\d-\d\d$/m);
    assert.match(shown.stdout, /^would be quarantined +reason +field +expected +found$/m);
    assert.match(shown.stdout, / refused_by_database +\(row\) +constraint known_device holds +SQLSTATE 23514, /);
    assert.match(shown.stdout, / wrong_type +user_id +text +number$/m);
    assert.match(shown.stdout, / not_json +\(body\) +a JSON object +not JSON$/m);
    assert.match(shown.stderr, /^2 fields that no column reads, and that nothing stores \(at a terminal their names are shown\)$/m);
    assert.ok(!(shown.stdout + shown.stderr).includes("canary_name"), "no name of an unknown field");

    const json = await preview(place, ["--json"]);
    const document = documentOf(succeeded(json)) as PreviewDocument;
    const { received, loaded, duplicate, quarantined, unknownFields, refusedAlike, maxReceiveCount } = document;
    assert.deepEqual([received, loaded, duplicate, quarantined], [5, 2, 0, 3]);
    assert.deepEqual([unknownFields, refusedAlike, maxReceiveCount], [{ names: 2, more: false }, null, null]);
    assert.ok(document.messages.every(({ attempt, sentAt }) => attempt === 2 && sentAt.endsWith("Z")));
    for (const { stdout, stderr } of [shown, json]) assert.deepEqual(findCanaries(stdout + stderr, personal), []);

    // what it says is what the run then does
    succeeded(await maskline(place.folder, ["run", "--drain", "--idle", "1s"]));
    const stored = await place.database.query<{ row: Record<string, string | number | null> }>(
      "reading",
      "SELECT to_jsonb(u) AS row FROM user_logins u",
    );
    const rows = document.messages.flatMap(({ row }) => (row === null ? [] : [row]));
    const asText = (row: Readonly<Record<string, string | number | null>>): string =>
      JSON.stringify(
        Object.entries(row)
          .map(([name, value]) => `${name} ${value === null ? "NULL" : `${value}`}`)
          .sort(),
      );
    assert.deepEqual(
      stored.map(({ row }) => asText(row)).sort(),
      rows.map(asText).sort(),
      "exactly what would be stored is stored",
    );
  });

  test("a message that has had its effect is shown as a duplicate", async (t) => {
    const place = await open(t);
    await place.send([login({ user_id: "before" }), login({ user_id: "after" })]);
    const [message] = await peek(place, 2);
    await sql(place, "INSERT INTO maskline.pipeline (name) VALUES ('public.user_logins')");
    await sql(
      place,
      `INSERT INTO maskline.receipt SELECT number, to_timestamp(${message?.Attributes?.SentTimestamp} / 1000.0), '${message?.MessageId}', 'loaded' FROM maskline.pipeline`,
    );
    const { duplicate, messages } = documentOf(succeeded(await preview(place, ["-n", "2", "--json"]))) as PreviewDocument;
    assert.equal(duplicate, 1);
    assert.equal(messages.find(({ outcome }) => outcome === "duplicate")?.id, message?.MessageId);
  });

  test("takes no more messages than it is asked for, and says when none came", async (t) => {
    const place = await open(t);
    const none = succeeded(await preview(place));
    assert.equal(none.stdout, "");
    assert.match(
      none.stderr,
      /^no message came; there were about 0 visible, 0 in flight, 0 delayed\nnext: maskline sample --send/m,
    );
    await place.send([login({}), login({}), login({})]);
    assert.match(succeeded(await preview(place, ["-n", "1"])).stderr, /^1 message: 1 would be loaded, /m);
    const attempts = (await peek(place, 3)).map(({ Attributes }) => Attributes?.ApproximateReceiveCount);
    assert.deepEqual(attempts.sort(), ["1", "1", "2"]);
    failed(await preview(place, ["--count", "101"]), {
      code: "usage",
      says: /preview: --count takes at most 100/,
      next: /preview --help/,
    });
  });

  test("warns near the queue's maxReceiveCount, and refuses where one receive is all there is", async (t) => {
    const place = await open(t);
    const deadUrl = await createQueue(servers.queues.endpoint, "preview-dead");
    await place.send([login({ user_id: "only-one" })]);
    await setAttributes(place.queueUrl, await deadLettersTo(deadUrl, 1));
    const refused = await preview(place);
    failed(refused, { code: "queue_unfit", says: /maxReceiveCount is 1/, next: /raise maxReceiveCount/ });

    await setAttributes(place.queueUrl, await deadLettersTo(deadUrl, 3));
    assert.doesNotMatch(succeeded(await preview(place)).stderr, /warning/);
    assert.match(
      succeeded(await preview(place)).stderr,
      /warning: 1 of 1 message has now been received 2 of 3 times: one receive is left$/m,
    );
    const last = succeeded(await preview(place));
    assert.match(last.stderr, /spends one of its 3 receives$/m);
    assert.match(
      last.stderr,
      /1 of 1 message has now been received 3 of 3 times: the next receive sends it to the dead-letter queue/,
    );

    // the next receive: gone, and not lost
    const gone = succeeded(await maskline(place.folder, ["preview", "--set", "source.sqs.wait_seconds=1"]));
    assert.match(gone.stderr, /next: maskline dlq drain --dry-run/);
    const drained = succeeded(await maskline(place.folder, ["dlq", "drain", "--idle", "1s", "--json"]));
    assert.equal((documentOf(drained) as { loaded: number }).loaded, 1);
  });

  test("works beside a running pipeline on the same table", async (t) => {
    const place = await open(t);
    const other = await servers.queues.createQueue("preview-beside");
    await place.send([login({ user_id: "from-the-run" })]);
    const running = startMaskline(place.folder, ["run"]);
    await untilEmpty(place, running.finished);
    const queue = openTestQueue(other, "json");
    await queue.sendBatch([login({ user_id: "from-the-preview" })]).finally(() => queue.close());
    const shown = succeeded(await maskline(place.folder, ["preview", "--set", `source.sqs.queue=${other}`]));
    assert.match(shown.stdout, /^loaded +from-the-preview /m);
    running.kill("SIGTERM");
    succeeded(await running.finished);
  });

  /** Resolves once all that was sent is loaded and deleted; fails when the run ends before. */
  async function untilEmpty({ queueUrl }: Workspace, finished: Promise<unknown>): Promise<void> {
    let ended = false;
    void finished.then(() => (ended = true));
    for (;;) {
      const { visible, inFlight } = await servers.queues.counts(queueUrl);
      if (visible + inFlight === 0) return;
      assert.ok(!ended, "the run goes on");
      await pause(20);
    }
  }

  test("works for a pipeline that stands still because too many messages were refused", async (t) => {
    const place = await open(t);
    await place.send(["not json"]);
    const run = await maskline(place.folder, ["run", "--drain", "--idle", "1s", "--set", "limits.refused=0"]);
    failed(run, { code: "budget_spent", says: /refused/, next: /resume/ });
    // another queue of the same pipeline: what tripped it goes back to its own with a delay
    const other = await servers.queues.createQueue("preview-tripped");
    const queue = openTestQueue(other, "json");
    await queue.sendBatch(["not json"]).finally(() => queue.close());
    const shown = await maskline(place.folder, ["preview", "-n", "1", "--set", `source.sqs.queue=${other}`]);
    assert.match(succeeded(shown).stderr, /^1 message: 0 would be loaded, 0 are duplicates, 1 would be quarantined$/m);
  });

  test("a table that takes no row at all is told as a misfit of its own", async (t) => {
    const place = await open(t);
    await sql(place, "ALTER TABLE user_logins ADD CONSTRAINT closed CHECK (false)");
    await place.send([login({}), login({})]);
    assert.match(
      succeeded(await preview(place)).stderr,
      /warning: the table refuses every row alike \(SQLSTATE 23514, constraint closed\): a run would stop then, and quarantine nothing/,
    );
  });

  test("what stops a run stops it too, and gives the messages back", async (t) => {
    const place = await open(t);
    await place.send([login({})]);
    await sql(
      place,
      `CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '57P03'; END $$;
       CREATE TRIGGER away BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE PROCEDURE away()`,
    );
    failed(await preview(place), { code: "database_unreachable", says: /57P03/, next: /check that it runs/ });
    await sql(place, "ALTER TABLE user_logins DROP COLUMN locale");
    failed(await preview(place), { code: "target_misfit", says: /column locale: is not in the table/, next: /check --connect/ });
    const [message] = await peek(place, 1);
    assert.equal(message?.Attributes?.ApproximateReceiveCount, "2", "what can be known before is known before the receive");
  });

  test("a stop gives the messages back", { timeout: 30_000 }, async (t) => {
    const place = await open(t);
    await place.send([login({}), login({})]);
    const [holder, admin] = await Promise.all([plainClient(place.databaseUrl), plainClient(place.databaseUrl)]);
    t.after(async () => void (await Promise.all([holder.end(), admin.end()])));
    await holder.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
    const running = startMaskline(place.folder, ["preview"]);
    await untilWaiting(admin, 1, [running.finished]);
    assert.equal((await servers.queues.counts(place.queueUrl)).inFlight, 2);
    running.kill("SIGTERM");
    const { code, stdout, stderr } = await running.finished;
    assert.equal(code, 130, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /nothing was stored/);
    assert.deepEqual(await servers.queues.counts(place.queueUrl), { visible: 2, inFlight: 0, delayed: 0 });
  });

  test("a writer's rights are enough", async (t) => {
    const place = await open(t);
    await place.send([login({}), "not json"]);
    await sql(place, "CREATE ROLE previewer LOGIN PASSWORD 'previewer'");
    for (const grant of [
      "INSERT (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) ON user_logins",
      "USAGE ON SCHEMA maskline",
      "SELECT ON maskline.migration",
      "SELECT, INSERT ON maskline.pipeline, maskline.mask_definition, maskline.receipt, maskline.ledger, maskline.ring_key",
    ])
      await sql(place, `GRANT ${grant} TO previewer`);
    const url = otherwise(place.databaseUrl, { user: "previewer", password: "previewer" });
    const shown = await preview(place, [], (folder, args) => maskline(folder, args, { MASKLINE_SINK_POSTGRES_URL: url }));
    assert.match(succeeded(shown).stderr, /^2 messages: 1 would be loaded, 0 are duplicates, 1 would be quarantined$/m);
  });

  test("on a FIFO queue it says that groups stand still", async (t) => {
    const place = await open(t);
    const url = await servers.queues.createQueue("preview.fifo", { FifoQueue: "true" });
    const shown = await maskline(place.folder, [
      "preview",
      "--set",
      `source.sqs.queue=${url}`,
      "--set",
      "source.sqs.wait_seconds=1",
    ]);
    assert.match(succeeded(shown).stderr, /warning: this is a FIFO queue/);
  });

  test(
    "at a terminal the names of unknown fields are shown, and cannot draw on it; tokens are cut to fit",
    { skip: terminalMissing ?? false },
    async (t) => {
      const place = await open(t);
      await place.send([login({ user_id: "plain-user", "\u001B[31mjane@example.org": 1, device: { os: 1 } })]);
      const { code, screen } = await atTerminal(place.folder, ["preview"], []);
      assert.equal(code, 0, screen);
      const voice = screen.replaceAll("\r\u001B[K", "");
      assert.ok(!voice.includes("\u001B[31m"), "no colour that a message brings along");
      assert.match(
        voice,
        /^2 fields that no column reads, and that nothing stores:\r?\n {2}"\\u001b\[31mjane@example\.org" \(1 message\)\r?\n {2}device \(1 message\)/m,
      );
      assert.deepEqual(findCanaries(screen, personal), []);
      const widest = Math.max(
        ...voice
          .split(/\r?\n/)
          .filter((line) => /masked_ip|AQ|loaded/.test(line))
          .map((line) => line.length),
      );
      assert.ok(widest <= 90, "the rows fit 80 characters, the sentences need not");
    },
  );
});

function login(parts: Record<string, unknown>): string {
  return JSON.stringify({
    user_id: "some-user",
    app_version: "2.3.0",
    device_type: "ios",
    ip: personal[0],
    locale: "FR",
    device_id: personal[1],
    ...parts,
  });
}

async function sql({ database }: Workspace, statement: string): Promise<void> {
  await database.query("preparing", statement);
}

/** What the queue holds, and how often it was received before; given back at once. */
async function peek({ queueUrl }: Workspace, expected: number): Promise<readonly Message[]> {
  const queue = openTestQueue(queueUrl, "json");
  try {
    const messages = await queue.receive({ limit: 10, waitSeconds: 1, withAttributes: false }, neverStops);
    assert.equal(messages.length, expected);
    await queue.releaseBatch(
      messages.map(({ ReceiptHandle }) => ({ handle: ReceiptHandle ?? "" })),
      0,
    );
    return messages;
  } finally {
    queue.close();
  }
}
