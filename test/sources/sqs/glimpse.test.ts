import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { systemClock } from "../../../src/app/system-clock.ts";
import { Glimpse } from "../../../src/sources/sqs/glimpse.ts";
import type { Queue } from "../../../src/sources/sqs/queue.ts";
import { sendAll } from "../../../src/sources/sqs/send.ts";
import { type RunningSqsServer, sqsServers } from "../../engines/sqs-servers.ts";
import { startAnsweringServer } from "../../harness/answering-server.ts";
import { createQueue, openTestQueue } from "../../harness/queues.ts";

const neverStops = new AbortController().signal;
const options = { mostMessages: 10, waitSeconds: 1, withAttributes: false, visibilityMs: 30_000 };

for (const engine of await sqsServers()) {
  suite(`a glimpse of a queue on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: RunningSqsServer;
    let queues = 0;
    before(async () => {
      server = await engine.start();
    });
    after(() => server?.stop());

    async function open(t: { after(work: () => void): void }, messages: number): Promise<Queue> {
      const queue = openTestQueue(await createQueue(server.endpoint, `glimpse-${(queues += 1)}`), "json");
      t.after(() => queue.close());
      await sendAll(
        queue,
        Array.from({ length: messages }, (_, n) => String(n)),
        neverStops,
        () => {},
      );
      return queue;
    }

    test("costs those it shows one receive each, and the others none", { timeout: 30_000 }, async (t) => {
      const queue = await open(t, 30);
      const glimpse = await Glimpse.take(queue, { ...options, mostMessages: 13 }, systemClock, neverStops);
      const shown = glimpse.deliveries.map(({ body }) => body);
      assert.equal(new Set(shown).size, 13);
      assert.equal((await queue.facts()).inFlight, 13, "kept from others while they are looked at");
      assert.equal(await glimpse.giveBack(), 0);
      const attempts = new Map<string, number>();
      while (attempts.size < 30) {
        for (const { Body, Attributes } of await queue.receive({ limit: 10, waitSeconds: 1, withAttributes: false }, neverStops))
          attempts.set(Body ?? "", Number(Attributes?.ApproximateReceiveCount));
      }
      for (const [body, attempt] of attempts) assert.equal(attempt, shown.includes(body) ? 2 : 1, body);
    });

    test("ends with fewer when no more come, and with none when none do", { timeout: 30_000 }, async (t) => {
      const queue = await open(t, 3);
      const glimpse = await Glimpse.take(queue, options, systemClock, neverStops);
      assert.equal(glimpse.deliveries.length, 3);
      const empty = await Glimpse.take(queue, options, systemClock, neverStops);
      assert.deepEqual(empty.deliveries, []);
      assert.equal(await empty.giveBack(), 0);
      await glimpse.giveBack();
      assert.equal((await queue.facts()).visible, 3);
    });
  });
}

/** Hands out one message, refuses further calls for more, and takes nothing back. */
async function startGrudgingServer(t: {
  after(work: () => Promise<void>): void;
}): Promise<{ queue: Queue; asked: readonly string[] }> {
  const asked: string[] = [];
  const server = await startAnsweringServer(({ headers }) => {
    const action = String(headers["x-amz-target"]).replace("AmazonSQS.", "");
    asked.push(action);
    const answers: Readonly<Record<string, unknown>> = {
      ReceiveMessage: { Messages: [{ MessageId: "one", ReceiptHandle: "handle", Body: "{}", MD5OfBody: md5Of("{}") }] },
      ChangeMessageVisibilityBatch: { Failed: [{ Id: "0", Code: "MessageNotInflight", SenderFault: true }], Successful: [] },
    };
    const isMore = action === "ReceiveMessage" && asked.filter((one) => one === action).length > 1;
    return isMore ? { status: 400, body: '{"__type":"Refused"}' } : { status: 200, body: JSON.stringify(answers[action]) };
  });
  const queue = openTestQueue(`${server.endpoint}/000000000000/grudging`, "json");
  t.after(async () => {
    queue.close();
    await server.stop();
  });
  return { queue, asked };
}

function md5Of(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

test("what was received before a call failed is given back", async (t) => {
  const { queue, asked } = await startGrudgingServer(t);
  await assert.rejects(Glimpse.take(queue, options, systemClock, neverStops), { code: "queue_refused" });
  assert.deepEqual(asked, ["ReceiveMessage", "ReceiveMessage", "ChangeMessageVisibilityBatch"]);
});

test("what the queue does not take back is counted", async (t) => {
  const { queue } = await startGrudgingServer(t);
  const glimpse = await Glimpse.take(queue, { ...options, mostMessages: 1 }, systemClock, neverStops);
  assert.equal(await glimpse.giveBack(), 1);
});

test("a message whose time is over is let alone: it may be in other hands", async (t) => {
  const { queue, asked } = await startGrudgingServer(t);
  const glimpse = await Glimpse.take(queue, { ...options, mostMessages: 1, visibilityMs: 0 }, systemClock, neverStops);
  assert.equal(await glimpse.giveBack(), 0);
  assert.deepEqual(asked, ["ReceiveMessage"]);
});
