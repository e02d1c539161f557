import assert from "node:assert/strict";
import { afterEach, beforeEach, suite, test } from "node:test";

import { SteppedClock } from "../harness/stepped-clock.ts";
import { type ChaosQueueServer, startChaosQueueServer } from "./queue-server.ts";
import { type Answer, ask } from "./queue/ask.ts";

/** A clock on the wall that can be set, beside one that cannot. */
class SetClock extends SteppedClock {
  aheadMs = 1_000_000;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

interface Received {
  readonly MessageId: string;
  readonly Body: string;
  readonly ReceiptHandle: string;
  readonly Attributes: Readonly<Record<string, string>>;
}

suite("the queue server", () => {
  let clock: SetClock;
  let server: ChaosQueueServer;
  let queue: string;
  beforeEach(async () => {
    clock = new SetClock();
    server = await startChaosQueueServer({ seed: 7, clock });
    queue = server.createQueue("events");
  });
  afterEach(() => server.stop());

  const call = async (action: string, input: object = {}, signal?: AbortSignal): Promise<Answer> =>
    ask(server.endpoint, action, { QueueUrl: `${server.endpoint}${queue}`, ...input }, signal);
  const receive = async (input: object = {}): Promise<readonly Received[]> => {
    const { body } = await call("ReceiveMessage", { MaxNumberOfMessages: 10, MessageSystemAttributeNames: ["All"], ...input });
    return (body["Messages"] ?? []) as readonly Received[];
  };
  const bodiesOf = (messages: readonly Received[]): string[] => messages.map(({ Body }) => Body);
  const isAsked = async (count = 1): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = count;
    server.onCall(({ phase }) => {
      if (phase === "asked" && (left -= 1) === 0) resolve();
    });
    return promise;
  };

  test("listens on loopback only", () => {
    assert.equal(new URL(server.endpoint).hostname, "127.0.0.1");
  });

  test("hands a message out again when its time is over, whatever the clock on the wall says", async () => {
    const [id] = server.send(queue, ["one"]);
    const [first] = await receive();
    clock.aheadMs += 3_600_000;
    assert.deepEqual(await receive(), []);
    await clock.pass(29_999);
    assert.deepEqual(await receive(), []);
    await clock.pass(1);
    const [again] = await receive();
    assert.deepEqual([first?.MessageId, again?.MessageId], [id, id]);
    assert.equal(again?.Attributes["SentTimestamp"], "1000000");
    assert.deepEqual([first?.Attributes["ApproximateReceiveCount"], again?.Attributes["ApproximateReceiveCount"]], ["1", "2"]);
    assert.equal(again?.Attributes["ApproximateFirstReceiveTimestamp"], first?.Attributes["ApproximateFirstReceiveTimestamp"]);
    assert.equal(server.counters.redeliveries, 1);
  });

  test("deletes under the newest handle only, also when nobody has the message since", async () => {
    server.send(queue, ["one"]);
    const [first] = await receive();
    await clock.pass(30_000);
    const [second] = await receive();
    assert.equal((await call("DeleteMessage", { ReceiptHandle: first?.ReceiptHandle })).status, 200);
    assert.equal(server.messages(queue).length, 1);
    assert.equal(server.counters.staleDeletes, 1);
    await clock.pass(30_000);
    assert.equal((await call("DeleteMessage", { ReceiptHandle: second?.ReceiptHandle })).status, 200);
    assert.deepEqual(server.messages(queue), []);
    server.send(queue, ["two"]);
    assert.deepEqual(bodiesOf(await receive()), ["two"]);
  });

  test("extends, shortens and ends a message's time, and refuses that for what is not in flight", async () => {
    server.send(queue, ["one"]);
    const [{ ReceiptHandle } = { ReceiptHandle: "" }] = await receive();
    const change = async (VisibilityTimeout: number): Promise<string | null> =>
      (await call("ChangeMessageVisibility", { ReceiptHandle, VisibilityTimeout })).code;
    assert.equal(await change(60), null);
    await clock.pass(59_999);
    assert.deepEqual(await receive(), []);
    assert.equal(await change(5), null);
    await clock.pass(5_000);
    assert.equal(await change(5), "MessageNotInflight");
    await receive();
    assert.equal(await change(5), "InvalidParameterValue", "an older handle");
    server.faults.quietStaleHandles = true;
    assert.equal(await change(0), null);
    assert.equal(server.messages(queue)[0]?.inFlight, true, "and nothing was done");
  });

  test("keeps a delayed message back", async () => {
    await call("SendMessage", { MessageBody: "later", DelaySeconds: 10 });
    assert.deepEqual(await receive(), []);
    await clock.pass(10_000);
    assert.deepEqual(bodiesOf(await receive()), ["later"]);
  });

  test("answers a parked poll when a message is sent, when one becomes visible by itself, and when the time is over", async () => {
    let asked = isAsked();
    const bySending = receive({ WaitTimeSeconds: 20, VisibilityTimeout: 7 });
    await asked;
    await clock.pass(1_000);
    server.send(queue, ["one"]);
    assert.deepEqual(bodiesOf(await bySending), ["one"]);

    asked = isAsked();
    const byTime = receive({ WaitTimeSeconds: 20 });
    await asked;
    await clock.pass(7_000);
    assert.deepEqual(bodiesOf(await byTime), ["one"]);

    asked = isAsked();
    const inVain = receive({ WaitTimeSeconds: 20 });
    await asked;
    await clock.pass(20_000);
    assert.deepEqual(await inVain, []);
    assert.equal(server.counters.emptyReceives, 1);
  });

  test("gives nothing to a parked poll whose client has gone", async () => {
    const asked = isAsked();
    const leaving = new AbortController();
    const poll = call("ReceiveMessage", { WaitTimeSeconds: 20 }, leaving.signal);
    await asked;
    leaving.abort();
    await assert.rejects(poll);
    // the server hears of it by the connection, some turns later
    while (server.counters.emptyReceives === 0) await clock.pass(0);
    server.send(queue, ["one"]);
    assert.equal(server.messages(queue)[0]?.inFlight, false);
  });

  test("moves what was received too often to the dead-letter queue, with its id and sent time; a redrive gives new ones", async () => {
    const dead = server.createQueue("dead");
    queue = server.createQueue("fragile", {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead", maxReceiveCount: 2 }),
    });
    const source = queue;
    const [id] = server.send(source, ["one"]);
    for (const attempt of ["1", "2"]) {
      const [message] = await receive({ VisibilityTimeout: 0 });
      assert.equal(message?.Attributes["ApproximateReceiveCount"], attempt);
    }
    assert.deepEqual(await receive(), []);
    assert.deepEqual([server.messages(source).length, server.counters.deadLetters], [0, 1]);
    queue = dead;
    const [message] = await receive({ VisibilityTimeout: 0 });
    assert.deepEqual([message?.MessageId, message?.Attributes["SentTimestamp"]], [id, "1000000"]);
    assert.equal(message?.Attributes["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:fragile");

    await clock.pass(5_000);
    const SourceArn = "arn:aws:sqs:us-east-1:000000000000:dead";
    assert.equal((await call("StartMessageMoveTask", { SourceArn })).status, 200);
    const { body } = await call("ListMessageMoveTasks", { SourceArn });
    assert.equal((body["Results"] as { Status: string }[])[0]?.Status, "COMPLETED");
    assert.deepEqual(server.messages(dead), []);
    const [moved] = server.messages(source);
    assert.notEqual(moved?.id, id);
    assert.deepEqual([moved?.body, moved?.sentAtMs], ["one", 1_005_000]);
  });

  test("takes a deduplication id once in five minutes", async () => {
    queue = server.createQueue("ordered.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
    const send = async (): Promise<unknown> =>
      (await call("SendMessage", { MessageBody: "same", MessageGroupId: "g" })).body["MessageId"];
    const first = await send();
    await clock.pass(299_999);
    assert.equal(await send(), first);
    await clock.pass(1);
    assert.notEqual(await send(), first);
    assert.equal(server.messages(queue).length, 2);
  });

  test("lets a FIFO group go on when what was in flight is deleted, and refuses a delete whose time is over", async () => {
    queue = server.createQueue("ordered.fifo", { FifoQueue: "true" });
    server.send(queue, ["a1", "b1", "a2"], (body) => body.slice(0, 1));
    const [first] = await receive({ MaxNumberOfMessages: 1 });
    assert.deepEqual(bodiesOf(await receive()), ["b1"]);
    const asked = isAsked();
    const parked = receive({ WaitTimeSeconds: 20, VisibilityTimeout: 3 });
    await asked;
    await call("DeleteMessage", { ReceiptHandle: first?.ReceiptHandle });
    const [next] = await parked;
    assert.equal(next?.Body, "a2");
    await clock.pass(3_000);
    assert.equal((await call("DeleteMessage", { ReceiptHandle: next?.ReceiptHandle })).code, "InvalidParameterValue");
    assert.equal(server.messages(queue).length, 2);
  });

  test("keeps clients apart, and gives the same ids for the same seed", async () => {
    const [left, right] = [await server.endpointFor("left"), await server.endpointFor("right")];
    assert.equal(new Set([server.endpoint, left, right, await server.endpointFor("left")]).size, 3);
    const callers: string[] = [];
    server.onCall(({ client }) => void callers.push(client));
    await ask(right, "ListQueues", {});
    assert.deepEqual(callers, ["right", "right"]);
    const twin = await startChaosQueueServer({ seed: 7 });
    try {
      assert.deepEqual(twin.send(twin.createQueue("events"), ["a", "b"]), server.send(queue, ["a", "b"]));
    } finally {
      await twin.stop();
    }
  });
});
