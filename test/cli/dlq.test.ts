import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { Message } from "@aws-sdk/client-sqs";

import type { RunTotals } from "../../src/pipeline/engine.ts";
import type { Queue } from "../../src/sources/sqs/queue.ts";
import { type RunningSqsServer, sqsServers } from "../engines/sqs-servers.ts";
import { startAnsweringServer } from "../harness/answering-server.ts";
import { countRows } from "../harness/login-table.ts";
import { createQueue, deadLettersTo, openTestQueue, setAttributes } from "../harness/queues.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, folderWith, maskline, succeeded } from "./expect.ts";

const neverStops = new AbortController().signal;

suite("dlq drain", () => {
  let servers: Servers;
  let queues = 0;
  before(async () => {
    servers = await startServers();
  });
  after(async () => servers?.stop());

  /** A workspace whose queue gives up on a message after one receive. */
  async function open(t: { after(work: () => Promise<void>): void }): Promise<Workspace & { readonly deadUrl: string }> {
    const place = await openWorkspace(servers);
    t.after(() => place.close());
    const deadUrl = await createQueue(servers.queues.endpoint, `dead-${(queues += 1)}`);
    await setAttributes(place.queueUrl, await deadLettersTo(deadUrl, 1));
    return { ...place, deadUrl };
  }

  test("loads dead letters under their own ids and times, once: what was loaded before is a duplicate", async (t) => {
    const place = await open(t);
    await place.send([login("loaded-before"), login("never-loaded"), "not json"]);
    const dead = await killAll(place, 3);
    const before = dead.find(({ Body }) => Body?.includes("loaded-before"));
    // its row was committed, and its delete was lost
    await place.database.query("preparing", "INSERT INTO maskline.pipeline (name) VALUES ('public.user_logins')");
    await place.database.query(
      "preparing",
      "INSERT INTO maskline.receipt SELECT number, to_timestamp($1::float8 / 1000), $2, 'loaded' FROM maskline.pipeline",
      [before?.Attributes?.SentTimestamp, before?.MessageId],
    );

    const plan = succeeded(await maskline(place.folder, ["dlq", "drain", "--dry-run"]));
    assert.equal(plan.stdout, `${place.deadUrl}: about 3 visible, 0 in flight, 0 delayed\n`);
    assert.match(plan.stderr, /^nothing was received; maskline dlq drain runs them through pipeline public\.user_logins: /m);
    const planned = documentOf(succeeded(await maskline(place.folder, ["dlq", "drain", "--dry-run", "--json"])));
    assert.deepEqual(planned, { queue: place.deadUrl, pipeline: "public.user_logins", visible: 3, inFlight: 0, delayed: 0 });
    assert.deepEqual(await servers.queues.counts(place.deadUrl), { visible: 3, inFlight: 0, delayed: 0 });

    const drained = succeeded(await maskline(place.folder, ["dlq", "drain", "--idle", "1s"]));
    assert.match(drained.stderr, new RegExp(`^dead-letter queue: ${place.deadUrl}\nqueue: about 3 visible`, "m"));
    assert.match(drained.stderr, /^3 received = 1 loaded \+ 1 duplicate \+ 1 quarantined \+ 0 returned, in /m);
    assert.match(drained.stderr, /^next: maskline quarantine list$/m);
    assert.deepEqual(await servers.queues.counts(place.deadUrl), { visible: 0, inFlight: 0, delayed: 0 }, "nothing goes round");
    const receipts = await place.database.query<{ id: string }>("looking", "SELECT id FROM maskline.receipt ORDER BY id");
    assert.deepEqual(
      receipts.map(({ id }) => id),
      dead.map(({ MessageId }) => MessageId).sort(),
    );
    assert.equal(await countRows(place.database, "user_logins"), 1);
  });

  test("ends as run --drain does: --max-messages, --json, and exit code 5 when its time is over", async (t) => {
    const place = await open(t);
    await place.send([login("a"), login("b")]);
    await killAll(place, 2);
    const one = documentOf(succeeded(await maskline(place.folder, ["dlq", "drain", "--max-messages", "1", "--json"])));
    assert.equal((one as RunTotals).loaded, 1);
    failed(await maskline(place.folder, ["dlq", "drain", "--max-duration", "6s"]), {
      code: "drain_unfinished",
      says: /1 received = 1 loaded/,
      next: /nothing is lost/,
    });
  });

  test("takes the queue that is named, and not the source queue", async (t) => {
    const place = await open(t);
    const named = await createQueue(servers.queues.endpoint, "elsewhere");
    const queue = openTestQueue(named, "json");
    await queue.sendBatch([login("from-elsewhere")]).finally(() => queue.close());
    succeeded(await maskline(place.folder, ["dlq", "drain", "--queue", named, "--max-messages", "1"]));
    assert.equal(await countRows(place.database, "user_logins"), 1);
    failed(await maskline(place.folder, ["dlq", "drain", "--queue", place.queueUrl]), {
      code: "usage",
      says: /names the queue itself/,
      next: /maskline run --drain/,
    });
    failed(await maskline(place.folder, ["dlq", "drain", "--queue", "dead"]), {
      code: "usage",
      says: /takes the URL of a queue/,
      next: /dlq drain --help/,
    });
  });

  test("without a redrive policy it says what to type", async (t) => {
    const place = await openWorkspace(servers);
    t.after(() => place.close());
    failed(await maskline(place.folder, ["dlq", "drain"]), {
      code: "queue_unfit",
      says: /the queue has no dead-letter queue/,
      next: /dlq drain --queue URL/,
    });
  });

  test("a FIFO queue's new times, and dead letters of dead letters, are worth a warning", async (t) => {
    const place = await open(t);
    const last = await createQueue(servers.queues.endpoint, "last.fifo", { FifoQueue: "true" });
    const policy = await deadLettersTo(last, 3);
    const named = await createQueue(servers.queues.endpoint, "next-to-last.fifo", { FifoQueue: "true", ...policy });
    const { stderr } = succeeded(await maskline(place.folder, ["dlq", "drain", "--queue", named, "--dry-run"]));
    assert.match(stderr, /warning: on a FIFO queue a message's sent time is when SQS moved it here: create_date will say that/);
    assert.match(stderr, /warning: this queue has a dead-letter queue of its own: what goes back unsettled 3 times is moved on/);
  });

  test("check --connect names the dead-letter queue, and warns where there is none or good messages end there", async (t) => {
    const place = await openWorkspace(servers);
    t.after(() => place.close());
    const none = succeeded(await maskline(place.folder, ["check", "--connect"]));
    assert.match(none.stderr, /^ {2}ok {4}queue: .*; no dead-letter queue$/m);
    assert.match(none.stderr, /^ {2}warning: queue: it has no dead-letter queue: /m);

    const deadUrl = await createQueue(servers.queues.endpoint, "check-dead");
    await setAttributes(place.queueUrl, await deadLettersTo(deadUrl, 2));
    const few = succeeded(await maskline(place.folder, ["check", "--connect"]));
    assert.match(few.stderr, /^ {2}ok {4}queue: .*; dead letters after 2 receives: check-dead$/m);
    assert.match(few.stderr, /^ {2}warning: queue: its maxReceiveCount is 2: good messages become dead letters /m);

    await setAttributes(place.queueUrl, await deadLettersTo(deadUrl, 5));
    const enough = documentOf(succeeded(await maskline(place.folder, ["check", "--connect", "--json"]))) as {
      readonly checks: readonly { readonly subject: string; readonly good: string; readonly warnings: readonly string[] }[];
    };
    const queue = enough.checks.find(({ subject }) => subject === "queue");
    assert.match(queue?.good ?? "", /dead letters after 5 receives: check-dead$/);
    assert.deepEqual(queue?.warnings, []);
  });
});

const engines = await sqsServers();
const config = (queue: string): string => `source: { sqs: { queue: "${queue}" } }\ncolumns: { user_id: { type: text } }\n`;

const elasticmq = engines.find(({ name }) => name === "elasticmq");
suite("dlq redrive", { skip: elasticmq?.missing ?? false }, () => {
  let server: RunningSqsServer | undefined;
  before(async () => {
    server = await elasticmq?.start();
  });
  after(() => server?.stop());

  test("tells what it does to receipts before it does it, and moves only when that is accepted", { timeout: 60_000 }, async (t) => {
    const endpoint = server?.endpoint ?? "";
    const deadUrl = await createQueue(endpoint, "redrive-dead");
    const url = await createQueue(endpoint, "redrive", await deadLettersTo(deadUrl, 1));
    const queue = openTestQueue(url, "json");
    t.after(() => queue.close());
    await queue.sendBatch([login("a")]);
    await release(queue, await receiveAll(queue, 1));
    assert.deepEqual(await receiveOnce(queue), []);
    const folder = await folderWith(t, config(url));

    const refused = await maskline(folder, ["dlq", "redrive"]);
    failed(refused, {
      code: "usage",
      says: /new ids and sent times: what was loaded already is loaded twice/,
      next: /maskline dlq drain/,
    });
    const plan = succeeded(await maskline(folder, ["dlq", "redrive", "--dry-run"]));
    assert.equal(plan.stdout, `${deadUrl}: about 1 visible, 0 in flight, 0 delayed\n`);
    assert.match(plan.stderr, /^warning: SQS makes new messages[^]*\nnothing was moved; maskline dlq drain /m);
    assert.deepEqual(await receiveOnce(queue), [], "nothing was moved");

    const started = succeeded(await maskline(folder, ["dlq", "redrive", "--accept-new-ids"]));
    assert.match(started.stdout, /^started: \S+\nmove +moved +of about +failed with\n(?:running|completed) /);
    assert.match(started.stderr, /^warning: SQS makes new messages/m);
    const [moved] = await receiveAll(queue, 1);
    assert.equal(moved?.Body, login("a"));
    const later = documentOf(succeeded(await maskline(folder, ["dlq", "redrive", "--dry-run", "--json"]))) as { moves: unknown[] };
    assert.equal(later.moves.length, 1);
  });
});

suite("a dead-letter queue on a server that a test can ask for anything", () => {
  const arn = (name: string): string => `arn:aws:sqs:us-east-1:111122223333:${name}`;

  /** Answers as a queue `logins` whose dead letters go to `dead`. */
  async function start(
    t: { after(work: () => Promise<void>): void },
    answers: Readonly<Record<string, unknown>>,
  ): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const policy = JSON.stringify({ deadLetterTargetArn: arn("dead"), maxReceiveCount: "5" });
    const server = await startAnsweringServer(({ headers }, body) => {
      const action = String(headers["x-amz-target"]).replace("AmazonSQS.", "");
      asked.push(action);
      const { QueueUrl = "" } = JSON.parse(body.toString()) as { QueueUrl?: string };
      const known: Readonly<Record<string, unknown>> = {
        GetQueueAttributes: { Attributes: QueueUrl.endsWith("/logins") ? { RedrivePolicy: policy } : {} },
        GetQueueUrl: { QueueUrl: "https://sqs.us-east-1.amazonaws.com/111122223333/dead" },
        ...answers,
      };
      return { status: 200, body: JSON.stringify(known[action]) };
    });
    t.after(() => server.stop());
    return { url: `${server.endpoint}/111122223333/logins`, asked };
  }

  test("that several queues share is not drained as if all were this pipeline's", async (t) => {
    const queueUrls = ["https://sqs/111122223333/logins", "https://sqs/111122223333/orders"];
    const { url, asked } = await start(t, { ListDeadLetterSourceQueues: { queueUrls } });
    failed(await maskline(await folderWith(t, config(url)), ["dlq", "drain"]), {
      code: "queue_unfit",
      says: /holds what came from 2 queues \(logins, orders\)/,
      next: /dlq drain --queue http:\S+\/dead$/,
    });
    assert.ok(!asked.includes("ReceiveMessage"));
  });

  test("is not moved twice at a time", async (t) => {
    const running = {
      Status: "RUNNING",
      TaskHandle: "aGFuZGxl",
      ApproximateNumberOfMessagesMoved: 12,
      ApproximateNumberOfMessagesToMove: 40,
    };
    const { url, asked } = await start(t, { ListMessageMoveTasks: { Results: [running] } });
    const folder = await folderWith(t, config(url));
    const refused = await maskline(folder, ["dlq", "redrive", "--accept-new-ids"]);
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(
      refused.stderr,
      /a move of these dead letters is going on already\nnext: wait for it: maskline dlq redrive --dry-run/,
    );
    assert.ok(!asked.includes("StartMessageMoveTask"));
    const plan = succeeded(await maskline(folder, ["dlq", "redrive", "--dry-run"]));
    assert.match(plan.stdout, /^running +12 +40 +-$/m);
  });
});

function login(userId: string): string {
  return JSON.stringify({
    user_id: userId,
    device_type: "ios",
    ip: "192.0.2.1",
    device_id: "d-1",
    locale: "DE",
    app_version: "2.3",
  });
}

/** Receives what a queue holds until it has gone to the dead-letter queue. */
async function killAll({ queueUrl }: Workspace, expected: number): Promise<readonly Message[]> {
  const queue = openTestQueue(queueUrl, "json");
  try {
    const messages = await receiveAll(queue, expected);
    await release(queue, messages);
    assert.deepEqual(await receiveOnce(queue), []);
    return messages;
  } finally {
    queue.close();
  }
}

async function receiveAll(queue: Queue, expected: number): Promise<readonly Message[]> {
  const messages: Message[] = [];
  while (messages.length < expected) messages.push(...(await receiveOnce(queue)));
  return messages;
}

async function receiveOnce(queue: Queue): Promise<readonly Message[]> {
  return queue.receive({ limit: 10, waitSeconds: 1, withAttributes: false }, neverStops);
}

async function release(queue: Queue, messages: readonly Message[]): Promise<void> {
  await queue.releaseBatch(
    messages.map(({ ReceiptHandle }) => ({ handle: ReceiptHandle ?? "" })),
    0,
  );
}
