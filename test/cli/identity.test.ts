import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

import type { RunTotals } from "../../src/pipeline/engine.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, maskline, succeeded } from "./expect.ts";

const columns = `
columns:
  name: { type: text, max: 8, required: true }
  masked_mail: { from: mail, type: email, mask: { kind: siv, domain: mail } }
`;
const config = `source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: people } }
identity: event.id
${columns}`;
const table = "CREATE TABLE people (name text NOT NULL, masked_mail text NOT NULL)";

const event = (id: unknown, name: string): string => JSON.stringify({ event: { id }, name, mail: `${name}@example.com` });

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(async () => servers?.stop());

async function openPeople(): Promise<Workspace> {
  return openWorkspace(servers, { config, table });
}

function drain(place: Workspace, ...more: readonly string[]): ReturnType<typeof maskline> {
  return maskline(place.folder, ["run", "--drain", "--idle", "1s", "--json", ...more]);
}

suite("messages that are known by an identity", () => {
  test("have one effect, whatever their ids; each is found by its identity", async () => {
    const place = await openPeople();
    try {
      await place.send([event("e-1", "ann"), event("e-1", "ann"), event(7, "bob")]);
      const first = documentOf(succeeded(await drain(place))) as RunTotals;
      assert.deepEqual([first.loaded, first.duplicate], [2, 1]);
      // sent again later, by a producer that was started again; refused ones are known too
      await place.send([event("e-1", "ann"), event("7", "bob"), event("e-2", "too long a name"), event("e-2", "cleo")]);
      const second = documentOf(succeeded(await drain(place))) as RunTotals;
      assert.deepEqual([second.loaded + second.quarantined, second.duplicate], [1, 3]);
      const [loaded, json, unknown] = await Promise.all(
        [["7"], ["e-1", "--json"], ["e-3"]].map((words) => maskline(place.folder, ["ledger", "--message", ...words])),
      );
      assert.ok(loaded && json && unknown);
      assert.match(succeeded(loaded).stdout, /^loaded {2}public\.people {2}received \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n$/);
      const { places } = documentOf(succeeded(json)) as { readonly places: readonly Record<string, unknown>[] };
      assert.deepEqual(
        places.map(({ outcome, sentAt, receivedAt }) => [outcome, sentAt, typeof receivedAt]),
        [["loaded", null, "string"]],
      );
      failed(unknown, { code: "not_found", says: /message e-3 is not known here/, next: /ledger --all/ });
    } finally {
      await place.close();
    }
  });

  test("that have none are quarantined under their message id, with the reason and the path", async () => {
    const place = await openPeople();
    try {
      await place.send([event(undefined, "ann"), event([], "bob"), event("e-1", "too long a name")]);
      const totals = documentOf(succeeded(await drain(place))) as RunTotals;
      assert.deepEqual([totals.loaded, totals.quarantined], [0, 3]);
      const rows = await place.database.query<{ id: string; reason: string; path: string }>(
        "looking",
        "SELECT id, reason, faults -> 0 ->> 'path' AS path FROM maskline.quarantine ORDER BY reason",
      );
      assert.deepEqual(
        rows.map(({ reason, path: at }) => [reason, at]),
        [
          ["missing", "event.id"],
          ["too_long", "name"],
          ["wrong_type", "event.id"],
        ],
      );
      assert.equal(rows[1]?.id, "e-1");
      for (const { id } of [rows[0], rows[2]].flatMap((row) => row ?? [])) assert.match(id, /^[0-9a-f-]{36}$/);
      assert.equal(await countRows(place.database, "maskline.identity_receipt"), 3);
      assert.equal(await countRows(place.database, "maskline.receipt"), 0);
    } finally {
      await place.close();
    }
  });

  test("have one effect across processes that share the queue", { timeout: 120_000 }, async () => {
    const place = await openPeople();
    try {
      const events = Array.from({ length: 300 }, (_, n) => event(`e-${n % 100}`, `n${n % 100}`));
      await place.send(events);
      const small = ["--set", "run.batch_rows=20"];
      const all = (await Promise.all([drain(place, ...small), drain(place, ...small)])).map(
        (finished) => documentOf(succeeded(finished)) as RunTotals,
      );
      const sum = (part: "received" | "loaded" | "duplicate"): number => all.reduce((total, one) => total + one[part], 0);
      assert.deepEqual([sum("received"), sum("loaded"), sum("duplicate")], [300, 100, 200]);
      assert.equal(await countRows(place.database, "people"), 100);
      assert.equal(await countRows(place.database, "(SELECT DISTINCT name FROM people) AS names"), 100);
    } finally {
      await place.close();
    }
  });

  test("can carry it in an attribute, which is asked for then", async () => {
    const place = await openPeople();
    const client = new SQSClient({
      endpoint: servers.queues.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    try {
      for (const body of ["ann", "ann", "bob"].map((name) => event("", name))) {
        const MessageAttributes = { event_id: { DataType: "String", StringValue: `e-${body.length}` } };
        await client.send(new SendMessageCommand({ QueueUrl: place.queueUrl, MessageBody: body, MessageAttributes }));
      }
      const totals = documentOf(succeeded(await drain(place, "--set", "identity=$attributes.event_id"))) as RunTotals;
      assert.deepEqual([totals.loaded, totals.duplicate], [1, 2], "bodies of one length, one event");
    } finally {
      client.destroy();
      await place.close();
    }
  });

  test("of a FIFO queue are known by their ids alone", async () => {
    const place = await openPeople();
    try {
      const queueUrl = await servers.queues.createQueue("people.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
      const client = new SQSClient({
        endpoint: servers.queues.endpoint,
        region: "us-east-1",
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      });
      for (const name of ["ann", "bob"])
        await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: event("e", name), MessageGroupId: "g" }));
      client.destroy();
      const sets = ["--set", `source.sqs.queue=${queueUrl}`, "--set", "identity=$message_id"];
      const totals = documentOf(succeeded(await drain(place, ...sets))) as RunTotals;
      assert.deepEqual([totals.loaded, totals.duplicate], [2, 0]);
      assert.equal(await countRows(place.database, "maskline.identity_receipt"), 2);
    } finally {
      await place.close();
    }
  });
});

test("an identity that would be stored plain is refused before anything runs", async () => {
  const place = await openPeople();
  try {
    await writeFile(path.join(place.folder, "personal.yaml"), `identity: mail\n${columns}`);
    failed(await maskline(place.folder, ["check", "-c", "personal.yaml"]), {
      code: "config_invalid",
      says: /personal\.yaml:1 {2}identity {2}leads to what column masked_mail masks \(mail\), and would be stored as it is/,
      next: /correct them/,
    });
  } finally {
    await place.close();
  }
});
