import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SQSClient,
} from "@aws-sdk/client-sqs";

import { Backlog, type BacklogPlan, plainBacklog } from "../../bench/load-queue/backlog.ts";
import { bodyKinds, makeBodyPool } from "../../bench/load-queue/bodies.ts";
import { DelayedWrites } from "../../bench/load-queue/delayed-writes.ts";
import type { LoadQueue } from "../../bench/load-queue/load-queue.ts";
import { MessageStates } from "../../bench/load-queue/message-states.ts";
import { LoadServerProcess } from "../../bench/load-queue/process.ts";
import { startLoadServer } from "../../bench/load-queue/server.ts";

interface Opened {
  readonly queue: LoadQueue;
  readonly backlog: Backlog;
  receive(wish?: Partial<ReceiveMessageCommandInput>): Promise<readonly Message[]>;
  remove(messages: readonly Message[]): Promise<void>;
}

function clientOf(endpoint: string): SQSClient {
  return new SQSClient({ endpoint, region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } });
}

/** A backlog on a server of its own, and the AWS SDK's client, which checks the MD5 of every body. */
async function withBacklog(
  changes: Partial<BacklogPlan>,
  work: (opened: Opened) => Promise<void>,
  visibilityMs = 30_000,
): Promise<void> {
  const plan = { ...plainBacklog, messages: 100, ...changes };
  const server = await startLoadServer({ port: 0, latencyMs: 0 });
  const client = clientOf(server.endpoint);
  const QueueUrl = `${server.endpoint}/000000000000/load`;
  try {
    const queue = server.open("load", plan, visibilityMs, () => {});
    await work({
      queue,
      backlog: new Backlog(plan, Date.now()),
      receive: async (wish) => {
        const command = new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          MessageSystemAttributeNames: ["All"],
          ...wish,
        });
        return (await client.send(command)).Messages ?? [];
      },
      remove: async (messages) => {
        const Entries = messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
        const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        assert.deepEqual(Failed, []);
      },
    });
  } finally {
    client.destroy();
    await server.stop();
  }
}

async function drain({ receive, remove }: Opened): Promise<readonly Message[]> {
  const all: Message[] = [];
  for (let some = await receive(); some.length > 0; some = await receive()) {
    all.push(...some);
    await remove(some);
  }
  return all;
}

test("the load server hands out every message of its backlog once, with the body, id and time that its number says", async () => {
  await withBacklog({ messages: 234 }, async (opened) => {
    const all = await drain(opened);
    assert.deepEqual(
      all.map(({ MessageId, Body }) => [MessageId, Body]),
      Array.from({ length: 234 }, (_, index) => [opened.backlog.idOf(index), opened.backlog.bodyOf(index).body]),
    );
    assert.equal(new Set(all.map(({ MessageId }) => MessageId)).size, 234);
    for (const { Attributes } of all) {
      assert.equal(Attributes?.ApproximateReceiveCount, "1");
      assert.ok(Number(Attributes?.SentTimestamp) < Date.now());
    }
    assert.ok(opened.queue.isEmpty);
    const { received, deleted, staleDeletes } = opened.queue.counters;
    assert.deepEqual([received, deleted, staleDeletes], [234, 234, 0]);
  });
});

test("the load server hands out a share of the messages once more after they were deleted", async () => {
  await withBacklog({ messages: 400, duplicates: 0.25 }, async (opened) => {
    const times = new Map<string, number>();
    for (const { MessageId = "" } of await drain(opened)) times.set(MessageId, (times.get(MessageId) ?? 0) + 1);
    const twice = Array.from({ length: 400 }, (_, index) => index).filter((index) => opened.backlog.comesTwice(index));
    assert.equal(twice.length, opened.backlog.expected().duplicates);
    assert.ok(twice.length > 60 && twice.length < 140, `${twice.length} of 400 at a quarter`);
    assert.deepEqual([...times.values()].filter((count) => count === 2).length, twice.length);
    for (const index of twice) assert.equal(times.get(opened.backlog.idOf(index)), 2);
  });
});

test("the load server takes back what is not deleted in time, and then only the newest handle deletes", async () => {
  await withBacklog(
    { messages: 3 },
    async ({ receive, remove, queue }) => {
      const first = await receive();
      assert.equal(first.length, 3);
      assert.deepEqual(await receive(), []);
      const again = await receive({ WaitTimeSeconds: 5 });
      assert.deepEqual(
        again.map(({ MessageId, Attributes }) => [MessageId, Attributes?.ApproximateReceiveCount]),
        first.map(({ MessageId }) => [MessageId, "2"]),
      );
      await remove(first);
      assert.equal(queue.counters.staleDeletes, 3);
      assert.ok(!queue.isEmpty);
      await remove(again);
      assert.ok(queue.isEmpty);
    },
    1_000,
  );
});

test("a backlog is the same for the same seed, another for another, and its shares are those of its plan", () => {
  const plan = { ...plainBacklog, messages: 20_000, broken: 0.1, refused: 0.01 };
  const [one, two] = [new Backlog(plan, 0), new Backlog(plan, 0)];
  const other = new Backlog({ ...plan, seed: 2 }, 0);
  const expected = one.expected();
  assert.deepEqual(expected, two.expected());
  assert.notDeepEqual(other.pool.row[0], one.pool.row[0]);
  assert.equal(expected.row + expected.broken + expected.refused, 20_000);
  assert.ok(Math.abs(expected.broken - 2_000) < 200 && Math.abs(expected.refused - 200) < 80);
  assert.equal(
    [...expected.rows.values()].reduce((sum, count) => sum + count),
    expected.row,
  );
  const index = Array.from({ length: 20_000 }, (_, place) => place).find((place) => one.fateOf(place) === "refused") ?? 0;
  assert.match(one.bodyOf(index).body, /"device_type": "toaster"/);
});

for (const [kind, least, most] of [
  ["login", 130, 200],
  ["2kb", 1_900, 2_300],
  ["20kb", 20_000, 20_900],
  ["columns40", 900, 1_600],
] as const) {
  test(`bodies of kind ${kind} are JSON of the size they say, each with a user of its own`, () => {
    const { row } = makeBodyPool(kind, 7, 400);
    assert.ok(bodyKinds.includes(kind));
    const lengths = row.slice(0, 200).map(({ body }) => Buffer.byteLength(body));
    const mean = lengths.reduce((sum, length) => sum + length) / lengths.length;
    assert.ok(mean >= least && mean <= most, `${mean} bytes`);
    assert.equal(new Set(row.map(({ login }) => login.user_id)).size, row.length);
    for (const { login, body } of row.slice(0, 200)) {
      const { user_id: user, ip } = JSON.parse(body) as { readonly user_id: string; readonly ip: string };
      assert.deepEqual([user, ip], [login.user_id, login.ip]);
    }
  });
}

test("states of messages: what is leased comes again when its time is over, extended or ended early", () => {
  let nowMs = 0;
  const states = new MessageStates(3, () => nowMs);
  assert.deepEqual([states.take(1_000), states.take(1_000), states.take(1_000), states.take(1_000)], [0, 1, 2, -1]);
  states.hideFor(0, 60_000);
  states.hideFor(1, 0);
  assert.equal(states.take(1_000), 1);
  states.delete(2, false);
  nowMs = 1_500;
  states.sweep();
  assert.deepEqual([states.visible, states.inFlight], [1, 1]);
  assert.equal(states.take(1_000), 1);
  assert.equal(states.receives(1), 3);
  nowMs = 62_000;
  states.sweep();
  assert.deepEqual([states.take(1_000), states.take(1_000), states.take(1_000)], [1, 0, -1]);
  for (let sent = 0; sent < 5_000; sent += 1) states.add();
  assert.equal(states.visible, 5_000);
  assert.equal(states.take(1_000), 3);
});

test("delayed writes keep their order, and none comes before its time", async () => {
  const writes = new DelayedWrites(20);
  const written: { readonly text: string; readonly atMs: number }[] = [];
  const all = Promise.withResolvers<void>();
  const target = {
    write: (text: string) => {
      written.push({ text, atMs: performance.now() });
      if (written.length === 500) all.resolve();
    },
  };
  const startedAtMs = performance.now();
  for (let place = 0; place < 500; place += 1) writes.add(target, String(place));
  await all.promise;
  assert.deepEqual(
    written.map(({ text }) => text),
    Array.from({ length: 500 }, (_, place) => String(place)),
  );
  assert.ok(written.every(({ atMs }) => atMs - startedAtMs >= 20));
});

test("the server in a process of its own tells of the first receive, the mark and the end", async () => {
  const server = await LoadServerProcess.start(0);
  try {
    const queue = await server.open({ ...plainBacklog, messages: 50 }, 20);
    const client = clientOf(new URL(queue.url).origin);
    for (let batch = 0; batch < 5; batch += 1) {
      const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl: queue.url, MaxNumberOfMessages: 10 }));
      const Entries = Messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
      await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
    }
    assert.equal((await queue.firstReceive).receives, 1);
    assert.equal((await queue.mark).deleted, 20);
    const { received, deleted } = await queue.drained;
    assert.deepEqual([received, deleted, (await queue.count()).deletes], [50, 50, 5]);
    client.destroy();
    queue.close();
  } finally {
    await server.stop();
  }
});
