import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { MasklineError } from "../../../src/errors.ts";
import type { PipelineEvent } from "../../../src/pipeline/report.ts";
import { sendAll } from "../../../src/sources/sqs/send.ts";
import { sourceConformance } from "../../conformance/source.ts";
import { type RunningSqsServer, sqsServers } from "../../engines/sqs-servers.ts";
import { createQueue, drainingAfter, openTestQueue, sqsSource } from "../../harness/queues.ts";

const neverStops = new AbortController().signal;

for (const engine of await sqsServers()) {
  suite(`SQS source on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: RunningSqsServer;
    let queues = 0;
    before(async () => {
      server = await engine.start();
    });
    after(() => server?.stop());

    const newQueue = (protocol: "json" | "query", attributes: Record<string, string> = {}): Promise<string> =>
      createQueue(server.endpoint, `queue-${(queues += 1)}`, attributes, protocol);

    for (const protocol of engine.protocols) {
      sourceConformance(`SQS on ${engine.name}, ${protocol} protocol`, async () => {
        const queue = openTestQueue(await newQueue(protocol), protocol);
        const source = sqsSource(queue);
        return {
          source,
          send: async (bodies) => void (await sendAll(queue, bodies, neverStops, () => {})),
          remaining: async () => {
            const { visible, inFlight, delayed } = await queue.facts();
            return visible + inFlight + delayed;
          },
          close: () => source.close(),
        };
      });

      test(`${protocol}: a queue that does not exist is a misfit with a way out`, async () => {
        const url = await newQueue(protocol);
        const queue = openTestQueue(`${url}-not-there`, protocol);
        try {
          await assert.rejects(
            queue.facts(),
            (error) => error instanceof MasklineError && error.code === "queue_missing" && error.next !== undefined,
          );
        } finally {
          queue.close();
        }
      });

      test(
        `${protocol}: a drain ends when the queue has stayed empty, and not while a message is in flight`,
        { timeout: 60_000 },
        async () => {
          const queue = openTestQueue(await newQueue(protocol, { VisibilityTimeout: "60" }), protocol);
          try {
            await sendAll(queue, ['{"n":1}'], neverStops, () => {});
            const holder = sqsSource(queue);
            const [held] = (await holder.receive(1, neverStops)) ?? [];
            assert.ok(held);
            // as if the safe time were over already: what is in flight must still keep the drain going
            const facts = await queue.facts();
            assert.equal(facts.visibilityTimeoutMs, 60_000);
            const long = await drainingAfter(queue, null);
            assert.equal(await long.isEmpty(Date.now() + 120_000, () => queue.facts()), false);
            await holder.settle([{ delivery: held, outcome: "loaded" }]);
            assert.equal(await long.isEmpty(Date.now() + 240_000, () => queue.facts()), true);

            const short = sqsSource(queue, { drain: await drainingAfter(queue, 1_000) });
            let answer = await short.receive(10, neverStops);
            while (answer?.length === 0) answer = await short.receive(10, neverStops);
            assert.equal(answer, null);
          } finally {
            queue.close();
          }
        },
      );

      test(`${protocol}: a delete that fails is tried again and then reported, not thrown`, async () => {
        const queue = openTestQueue(await newQueue(protocol), protocol);
        const events: PipelineEvent[] = [];
        const source = sqsSource(queue, {}, (event) => events.push(event));
        try {
          await sendAll(queue, ['{"n":1}', '{"n":2}'], neverStops, () => {});
          const deliveries = [];
          while (deliveries.length < 2) deliveries.push(...((await source.receive(2, neverStops)) ?? []));
          await source.settle(
            deliveries.map((delivery, index) => ({
              delivery: index === 0 ? { ...delivery, handle: "bogus" } : delivery,
              outcome: "loaded",
            })),
          );
          const { visible, inFlight } = await queue.facts();
          assert.equal(visible + inFlight, 1, "the good one is deleted, the other one stays");
          // fauxqs answers as if a handle it does not know were deleted
          if (engine.name !== "fauxqs") assert.deepEqual(events, [{ kind: "undeleted", messages: 1 }]);
        } finally {
          queue.close();
        }
      });
    }
  });
}

test("an unreachable queue is an outage, told in a line", async () => {
  const queue = openTestQueue("http://127.0.0.1:1/000000000000/login-queue", "auto");
  try {
    await assert.rejects(
      queue.facts(),
      (error) => error instanceof MasklineError && error.code === "queue_unreachable" && error.retryable,
    );
  } finally {
    queue.close();
  }
});
