import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { MasklineError } from "../../../src/errors.ts";
import { listMoves, sourcesOf, startMove, urlOf } from "../../../src/sources/sqs/dead-letters.ts";
import type { Queue } from "../../../src/sources/sqs/queue.ts";
import { readQueueArn, readRedrivePolicy } from "../../../src/sources/sqs/redrive-policy.ts";
import { type RunningSqsServer, sqsServers } from "../../engines/sqs-servers.ts";
import { startAnsweringServer } from "../../harness/answering-server.ts";
import { createQueue, deadLettersTo, openTestQueue } from "../../harness/queues.ts";

const neverStops = new AbortController().signal;
const arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dead";

test("a redrive policy is read whether its count is a number or a text; what is none has no dead-letter queue", () => {
  for (const maxReceiveCount of [5, "5"]) {
    const policy = readRedrivePolicy(JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount }));
    assert.deepEqual(policy, { maxReceiveCount: 5, deadLetterQueue: arn });
  }
  const none = [
    undefined,
    "",
    "null",
    "[]",
    "{",
    '{"maxReceiveCount":5}',
    JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 0 }),
    // it is shown to people
    JSON.stringify({ deadLetterTargetArn: `${arn}\u001B[31m`, maxReceiveCount: 5 }),
  ];
  for (const attribute of none) assert.deepEqual(readRedrivePolicy(attribute), { maxReceiveCount: null, deadLetterQueue: null });
  assert.deepEqual(readQueueArn(arn), { account: "111122223333", name: "orders-dead" });
});

for (const engine of await sqsServers()) {
  suite(`dead letters on ${engine.name}`, { skip: engine.missing ?? engine.lacks?.deadLetters ?? false }, () => {
    let server: RunningSqsServer;
    before(async () => {
      server = await engine.start();
    });
    after(() => server?.stop());

    for (const protocol of engine.protocols) {
      test(
        `${protocol}: a queue says where its dead letters go, and they keep id and sent time there`,
        { timeout: 30_000 },
        async () => {
          const deadUrl = await createQueue(server.endpoint, `orders-dead-${protocol}`, {}, protocol);
          const policy = await deadLettersTo(deadUrl, 1, protocol);
          const url = await createQueue(server.endpoint, `orders-${protocol}`, policy, protocol);
          const [queue, dead] = [openTestQueue(url, protocol), openTestQueue(deadUrl, protocol)];
          try {
            assert.deepEqual([(await dead.facts()).maxReceiveCount, (await dead.facts()).deadLetterQueue], [null, null]);
            const { maxReceiveCount, deadLetterQueue, fifo } = await queue.facts();
            assert.deepEqual(
              [maxReceiveCount, readQueueArn(deadLetterQueue ?? "").name, fifo],
              [1, `orders-dead-${protocol}`, false],
            );
            assert.equal(await urlOf(queue, deadLetterQueue ?? ""), deadUrl);

            await queue.sendBatch(["one"]);
            const [message] = await receive(queue);
            await queue.releaseBatch([{ handle: message?.ReceiptHandle ?? "" }], 0);
            assert.deepEqual(await receive(queue), []);
            const [moved] = await receive(dead);
            assert.ok(message && moved);
            assert.deepEqual([moved.MessageId, moved.Body], [message.MessageId, "one"]);
            assert.equal(moved.Attributes?.SentTimestamp, message.Attributes?.SentTimestamp);
          } finally {
            queue.close();
            dead.close();
          }
        },
      );
    }

    test("a FIFO queue says that it is one", async () => {
      const url = await createQueue(server.endpoint, "orders.fifo", { FifoQueue: "true" }, engine.protocols[0]);
      const queue = openTestQueue(url, "auto");
      try {
        assert.equal((await queue.facts()).fifo, true);
      } finally {
        queue.close();
      }
    });

    test("whose dead letters a queue holds is known, or known not to be known", async () => {
      const deadUrl = await createQueue(server.endpoint, "shared-dead");
      const policy = await deadLettersTo(deadUrl, 5);
      for (const name of ["first", "second"]) await createQueue(server.endpoint, name, policy);
      const dead = openTestQueue(deadUrl, "json");
      try {
        const found = await sourcesOf(dead);
        if (!["moto", "elasticmq"].includes(engine.name)) assert.equal(found, null, "it does not have the call");
        else assert.deepEqual([...(found ?? [])].sort(), ["first", "second"]);
      } finally {
        dead.close();
      }
    });

    const movesMissing = ["elasticmq", "our own"].includes(engine.name)
      ? false
      : `${engine.name} does not have StartMessageMoveTask`;
    test("dead letters are moved back to their queue", { timeout: 30_000, skip: movesMissing }, async () => {
      const deadUrl = await createQueue(server.endpoint, "back-dead");
      const url = await createQueue(server.endpoint, "back", await deadLettersTo(deadUrl, 1));
      const queue = openTestQueue(url, "json");
      try {
        await queue.sendBatch(["one", "two"]);
        const handles = new Map<string, string>();
        while (handles.size < 2)
          for (const { Body, ReceiptHandle } of await receive(queue)) handles.set(Body ?? "", ReceiptHandle ?? "");
        await queue.releaseBatch(
          [...handles.values()].map((handle) => ({ handle })),
          0,
        );
        assert.deepEqual(await receive(queue), [], "they are dead letters now");

        const { deadLetterQueue } = await queue.facts();
        assert.deepEqual(await listMoves(queue, deadLetterQueue ?? ""), []);
        assert.notEqual(await startMove(queue, deadLetterQueue ?? ""), "");
        const bodies = new Set<string>();
        while (bodies.size < 2) for (const { Body } of await receive(queue)) bodies.add(Body ?? "");
        const [move] = await listMoves(queue, deadLetterQueue ?? "");
        assert.ok(move && ["RUNNING", "COMPLETED"].includes(move.status), move?.status);
      } finally {
        queue.close();
      }
    });
  });
}

suite("a server that answers calls about dead letters in its own way", () => {
  const cases: Readonly<Record<string, readonly [status: number, type: string, code: string, next: RegExp]>> = {
    "without the call": [400, "InvalidAction", "queue_refused", /dlq drain does without it/],
    "without the right": [403, "AccessDeniedException", "queue_denied", /sqs:StartMessageMoveTask/],
  };
  for (const [name, [status, type, code, next]] of Object.entries(cases)) {
    test(`a move ${name} is an error that says how to do without`, async () => {
      const server = await startAnsweringServer(() => ({ status, body: JSON.stringify({ __type: type, message: "canary-4711" }) }));
      const queue = openTestQueue(`${server.endpoint}/111122223333/orders`, "json");
      try {
        for (const call of [startMove(queue, arn), listMoves(queue, arn)]) {
          const error: unknown = await call.catch((failure: unknown) => failure);
          assert.ok(error instanceof MasklineError);
          assert.equal(error.code, code);
          assert.match(error.next ?? "", next);
          assert.doesNotMatch(error.message, /canary/);
        }
        if (code === "queue_denied") assert.equal(await sourcesOf(queue), null);
      } finally {
        queue.close();
        await server.stop();
      }
    });
  }

  test("the queue is looked for where its source is, whatever host the server calls itself", async () => {
    const asked: unknown[] = [];
    const server = await startAnsweringServer((_, body) => {
      asked.push(JSON.parse(body.toString()));
      return { status: 200, body: JSON.stringify({ QueueUrl: "http://sqs.eu-west-1.localhost:1/111122223333/orders-dead" }) };
    });
    const queue = openTestQueue(`${server.endpoint}/111122223333/orders`, "json");
    try {
      assert.equal(await urlOf(queue, arn), `${server.endpoint}/111122223333/orders-dead`);
      assert.deepEqual(asked, [{ QueueName: "orders-dead", QueueOwnerAWSAccountId: "111122223333" }]);
    } finally {
      queue.close();
      await server.stop();
    }
  });

  test("a failed move and its reason are told, but no text a server may have put there", async () => {
    const results = [
      {
        Status: "FAILED",
        FailureReason: "AccessDenied",
        ApproximateNumberOfMessagesMoved: 3,
        ApproximateNumberOfMessagesToMove: 9,
      },
      { Status: "RUNNING", TaskHandle: "aGFuZGxl", FailureReason: "a text \u001B[31m of any kind" },
    ];
    const server = await startAnsweringServer(() => ({ status: 200, body: JSON.stringify({ Results: results }) }));
    const queue = openTestQueue(`${server.endpoint}/111122223333/orders`, "json");
    try {
      assert.deepEqual(await listMoves(queue, arn), [
        { status: "FAILED", handle: null, moved: 3, toMove: 9, failure: "AccessDenied" },
        { status: "RUNNING", handle: "aGFuZGxl", moved: 0, toMove: null, failure: "an unnamed error" },
      ]);
    } finally {
      queue.close();
      await server.stop();
    }
  });
});

async function receive(queue: Queue): Promise<Awaited<ReturnType<Queue["receive"]>>> {
  return queue.receive({ limit: 10, waitSeconds: 1, withAttributes: false }, neverStops);
}
