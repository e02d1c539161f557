import assert from "node:assert/strict";
import http from "node:http";
import { afterEach, beforeEach, suite, test } from "node:test";

import { SteppedClock } from "../harness/stepped-clock.ts";
import { type ChaosQueueServer, type QueueCall, startChaosQueueServer } from "./queue-server.ts";
import { type Answer, ask } from "./queue/ask.ts";
import { noFaults } from "./queue/faults.ts";

suite("the queue server's faults", () => {
  let clock: SteppedClock;
  let server: ChaosQueueServer;
  let queue: string;
  beforeEach(async () => {
    clock = new SteppedClock();
    server = await startChaosQueueServer({ seed: 7, clock });
    queue = server.createQueue("events", { VisibilityTimeout: "30" });
  });
  afterEach(() => server.stop());

  const call = async (action: string, input: object = {}, signal?: AbortSignal): Promise<Answer> =>
    ask(server.endpoint, action, { QueueUrl: `${server.endpoint}${queue}`, ...input }, signal);
  const receive = async (MaxNumberOfMessages = 10): Promise<readonly { Body: string; ReceiptHandle: string }[]> => {
    const { body } = await call("ReceiveMessage", { MaxNumberOfMessages });
    return (body["Messages"] ?? []) as readonly { Body: string; ReceiptHandle: string }[];
  };
  const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);
  /** Resolves at that moment of the next call. */
  const moment = (phase: QueueCall["phase"]): Promise<QueueCall> =>
    new Promise((resolve) => {
      server.onCall((at) => {
        if (at.phase === phase) resolve(at);
      });
    });

  test("are none to begin with", async () => {
    server.send(queue, numbered(500));
    const bodies: string[] = [];
    for (let some = await receive(); some.length > 0; some = await receive()) bodies.push(...some.map(({ Body }) => Body));
    assert.deepEqual(bodies, numbered(500));
    assert.deepEqual([server.counters.faults, server.counters.duplicates, server.counters.redeliveries], [0, 0, 0]);
  });

  for (const [fault, status, codes] of [
    ["serverErrors", [500], ["InternalFailure"]],
    ["unavailable", [503], ["ServiceUnavailable"]],
    ["throttled", [400, 403], ["RequestThrottled", "ThrottlingException"]],
    ["expiredCredentials", [403], ["ExpiredToken"]],
  ] as const) {
    test(`${fault}: answered so, and nothing is done`, async () => {
      server.faults[fault] = 1;
      const seen = new Set<string | null>();
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const answer = await call("SendMessage", { MessageBody: "lost" });
        assert.ok((status as readonly number[]).includes(answer.status));
        seen.add(answer.code);
      }
      assert.deepEqual([...seen].sort(), codes);
      assert.deepEqual(server.messages(queue), []);
      assert.deepEqual(server.counters.faultsOf, { [fault]: 20 });
    });
  }

  test("shares are of calls, in the actions named only", async () => {
    Object.assign(server.faults, { serverErrors: 0.2, throttled: 0.1, actions: new Set(["ListQueues"]) });
    for (let attempt = 0; attempt < 300; attempt += 1) await call("ListQueues");
    const { serverErrors = 0, throttled = 0 } = server.counters.faultsOf;
    assert.ok(serverErrors > 40 && serverErrors < 80, `${serverErrors} of 300`);
    assert.ok(throttled > 15 && throttled < 50, `${throttled} of 300`);
    assert.equal((await call("GetQueueUrl", { QueueName: "events" })).status, 200);
  });

  test("what a client meets follows from the seed and its own calls", async () => {
    const metBy = async (seed: number, client: string): Promise<string> => {
      const other = await startChaosQueueServer({ seed });
      try {
        Object.assign(other.faults, { serverErrors: 0.3, unavailable: 0.3 });
        const endpoint = await other.endpointFor(client);
        let met = "";
        for (let attempt = 0; attempt < 40; attempt += 1) met += `${(await ask(endpoint, "ListQueues", {})).status} `;
        return met;
      } finally {
        await other.stop();
      }
    };
    const met = await metBy(3, "worker-1");
    assert.equal(await metBy(3, "worker-1"), met);
    assert.notEqual(await metBy(4, "worker-1"), met);
    assert.notEqual(await metBy(3, "worker-2"), met);
  });

  for (const fault of ["unanswered", "resets"] as const) {
    test(`${fault}: the client gets no answer, and half of the calls are done all the same`, async () => {
      server.faults[fault] = 1;
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const leaving = new AbortController();
        const met = server.counters.faults;
        const sending = call("SendMessage", { MessageBody: "maybe" }, leaving.signal);
        const failed = assert.rejects(sending, fault === "resets" ? { message: "fetch failed" } : { name: "AbortError" });
        while (server.counters.faults === met) await clock.pass(0);
        if (fault === "unanswered") leaving.abort();
        await failed;
      }
      const done = server.messages(queue).length;
      assert.equal(server.counters.faultsOf[`${fault}Done`], done);
      assert.ok(done > 3 && done < 17, `${done} of 20`);
    });
  }

  test("down: connections are reset, parked ones too, and all is well again when it is over", async () => {
    const asked = moment("asked");
    const parked = call("ReceiveMessage", { WaitTimeSeconds: 20 });
    const failed = assert.rejects(parked, { message: "fetch failed" });
    await asked;
    server.faults.down = true;
    await failed;
    await assert.rejects(call("ListQueues"), { message: "fetch failed" });
    server.faults.down = false;
    assert.equal((await call("ListQueues")).status, 200);
  });

  test("delays: the answer waits its time", async () => {
    server.faults.delayMs = [500, 500];
    let answered = false;
    const asked = moment("asked");
    const calling = call("ListQueues").then(() => (answered = true));
    await asked;
    await clock.pass(499);
    assert.equal(answered, false);
    await clock.pass(1);
    assert.equal(await calling, true);
  });

  test("duplicates: what is in flight is handed out again, under a newer handle, and does not die of it", async () => {
    const dead = server.createQueue("dead");
    queue = server.createQueue("fragile", {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead", maxReceiveCount: 1 }),
    });
    server.faults.duplicates = 0.2;
    server.send(queue, numbered(1_000));
    const handles = new Map<string, string[]>();
    let handedOut = 0;
    for (let some = await receive(); some.length > 0; some = await receive()) {
      handedOut += some.length;
      assert.equal(new Set(some.map(({ Body }) => Body)).size, some.length, "never twice in one answer");
      for (const { Body, ReceiptHandle } of some) handles.set(Body, [...(handles.get(Body) ?? []), ReceiptHandle]);
    }
    const { duplicates, redeliveries } = server.counters;
    assert.equal(handedOut, 1_000 + duplicates);
    assert.ok(duplicates > 100 && duplicates < 300, `${duplicates} of ${handedOut}`);
    assert.deepEqual([redeliveries, server.messages(dead).length], [0, 0]);
    const [older = "", newer = ""] = [...handles.values()].find((list) => list.length === 2) ?? [];
    await call("DeleteMessage", { ReceiptHandle: older });
    assert.equal(server.messages(queue).length, 1_000);
    await call("DeleteMessage", { ReceiptHandle: newer });
    assert.equal(server.messages(queue).length, 999);
  });

  test("reordered: all are handed out, in another order", async () => {
    server.faults.reordered = 0.5;
    server.send(queue, numbered(200));
    const bodies: string[] = [];
    for (let some = await receive(); some.length > 0; some = await receive()) bodies.push(...some.map(({ Body }) => Body));
    assert.notDeepEqual(bodies, numbered(200));
    assert.deepEqual(
      bodies.map(Number).sort((one, other) => one - other),
      numbered(200).map(Number),
    );
  });

  test("emptyReceives: a receive brings nothing although there is something", async () => {
    server.send(queue, ["one"]);
    server.faults.emptyReceives = 1;
    assert.deepEqual(await receive(), []);
    server.faults.emptyReceives = 0;
    assert.equal((await receive()).length, 1);
  });

  test("partialDeletes: some entries have failed, and some of those are deleted all the same", async () => {
    server.send(queue, numbered(200));
    server.faults.partialDeletes = 1;
    let [failed, deletedThough] = [0, 0];
    for (let some = await receive(); some.length > 0; some = await receive()) {
      const before = new Set(server.messages(queue).map(({ body }) => body));
      const Entries = some.map(({ Body, ReceiptHandle }) => ({ Id: Body, ReceiptHandle }));
      const { body } = await call("DeleteMessageBatch", { Entries });
      const after = new Set(server.messages(queue).map((message) => message.body));
      const entries = (body["Failed"] ?? []) as readonly { Id: string; Code: string; SenderFault: boolean }[];
      for (const { Id, Code, SenderFault } of entries) {
        assert.deepEqual([Code, SenderFault, before.has(Id)], ["InternalError", false, true]);
        failed += 1;
        if (!after.has(Id)) deletedThough += 1;
      }
      for (const { Id } of (body["Successful"] ?? []) as readonly { Id: string }[]) assert.equal(after.has(Id), false);
    }
    assert.ok(failed > 60 && failed < 140, `${failed} of 200`);
    assert.ok(deletedThough > 15 && deletedThough < failed, `${deletedThough} of ${failed}`);
    assert.equal(server.messages(queue).length, failed - deletedThough);
    assert.equal(server.counters.failedDeletes, failed);
  });

  test("forgottenDeletes: the message comes back when its time is over", async () => {
    server.send(queue, ["one"]);
    const [one] = await receive();
    server.faults.forgottenDeletes = 1;
    assert.equal((await call("DeleteMessage", { ReceiptHandle: one?.ReceiptHandle })).status, 200);
    assert.deepEqual(await receive(), []);
    await clock.pass(30_000);
    assert.equal((await receive()).length, 1);
    assert.deepEqual([server.counters.deletes, server.counters.forgottenDeletes], [0, 1]);
  });

  test("hooks: called before and after the effect; a held call waits, and one whose client has gone has no effect", async () => {
    server.send(queue, numbered(3));
    const seen: QueueCall[] = [];
    let hold = Promise.withResolvers<void>();
    server.onCall(async (at) => {
      seen.push(at);
      if (at.phase === "asked") await hold.promise;
    });
    const first = receive();
    while (seen.length === 0) await clock.pass(0);
    assert.ok(server.messages(queue).every(({ inFlight }) => !inFlight));
    hold.resolve();
    assert.equal((await first).length, 3);
    const common = { client: "", action: "ReceiveMessage", queue: "events" };
    assert.deepEqual(seen, [
      { ...common, phase: "asked", messages: 10 },
      { ...common, phase: "done", messages: 3 },
    ]);

    hold = Promise.withResolvers<void>();
    const sending = http.request(server.endpoint, { method: "POST", headers: { "x-amz-target": "AmazonSQS.SendMessage" } });
    sending.on("error", () => {}).end(JSON.stringify({ QueueUrl: queue, MessageBody: "never" }));
    while (seen.length === 2) await clock.pass(0);
    const open = server.connections;
    sending.destroy();
    while (server.connections === open) await clock.pass(0);
    hold.resolve();
    await clock.pass(0);
    assert.equal(server.messages(queue).length, 3);
    assert.deepEqual(seen.slice(2), [{ ...common, action: "SendMessage", phase: "asked", messages: 1 }]);
  });

  test("every fault has a name in the settings and is off at first", () => {
    const off = Object.entries(noFaults(() => {})).filter(([, value]) => value !== 0 && value !== false && value !== null);
    assert.deepEqual(off, [["delayMs", [0, 0]]]);
  });
});
