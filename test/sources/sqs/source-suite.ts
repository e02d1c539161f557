import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { systemClock } from "../../../src/app/system-clock.ts";
import { MasklineError } from "../../../src/errors.ts";
import { sendAll } from "../../../src/sources/sqs/send.ts";
import type { SqsSource } from "../../../src/sources/sqs/source.ts";
import { sourceConformance } from "../../conformance/source.ts";
import { type RunningSqsServer, sqsServers } from "../../engines/sqs-servers.ts";
import { createQueue, drainingAfter, openTestQueue, sendToGroup, sqsSource, transports } from "../../harness/queues.ts";

const neverStops = new AbortController().signal;

/** What a source on this server must do; a file for each, so that two run at a time. */
export async function sourceSuite(server: string): Promise<void> {
  const engine = (await sqsServers()).find(({ name }) => name === server);
  if (engine === undefined) throw new Error(`there is no SQS server ${server}`);
  suite(`SQS source on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let running: RunningSqsServer;
    let queues = 0;
    before(async () => {
      running = await engine.start();
    });
    after(() => running?.stop());

    const newQueue = (protocol: "json" | "query", attributes: Record<string, string> = {}): Promise<string> =>
      createQueue(
        running.endpoint,
        `queue-${(queues += 1)}${attributes["FifoQueue"] === "true" ? ".fifo" : ""}`,
        attributes,
        protocol,
      );

    // the Query protocol is spoken by the SDK, whatever the transport
    const wires = engine.protocols.flatMap((protocol) => transports.map((transport) => ({ protocol, transport })));
    for (const { protocol, transport } of wires.filter((wire) => wire.protocol === "json" || wire.transport === "sdk")) {
      sourceConformance(
        `SQS on ${engine.name}, ${protocol} protocol over ${transport}`,
        async ({ visibilitySeconds, inGroups }) => {
          const url = await newQueue(protocol, {
            ...(visibilitySeconds === undefined ? {} : { VisibilityTimeout: String(visibilitySeconds) }),
            ...(inGroups === true ? { FifoQueue: "true" } : {}),
          });
          // what a test asks and sends goes another way than the sources: they close theirs
          const queue = openTestQueue(url, protocol, transport);
          const facts = await queue.facts();
          const sources: SqsSource[] = [];
          const another = (): SqsSource => {
            const source = sqsSource(openTestQueue(url, protocol, transport), { facts });
            sources.push(source);
            return source;
          };
          return {
            source: another(),
            another,
            send: async (bodies, groupId) => {
              if (groupId === undefined) await sendAll(queue, bodies, neverStops, () => {});
              else await sendToGroup(url, groupId, bodies, protocol);
            },
            handOutAgain: (deliveries) => queue.releaseBatch(deliveries, 0),
            remaining: async () => {
              const { visible, inFlight, delayed } = await queue.facts();
              return visible + inFlight + delayed;
            },
            close: async () => {
              await Promise.all(sources.map((source) => source.close()));
              queue.close();
            },
          };
        },
        engine.lacks?.groups === undefined ? {} : { groups: engine.lacks.groups },
      );

      test(`${protocol} over ${transport}: a queue that does not exist is a misfit with a way out`, async () => {
        const url = await newQueue(protocol);
        const queue = openTestQueue(`${url}-not-there`, protocol, transport);
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
        `${protocol} over ${transport}: a drain ends when the queue has stayed empty, and not while a message is in flight`,
        { timeout: 60_000 },
        async () => {
          const queue = openTestQueue(await newQueue(protocol, { VisibilityTimeout: "60" }), protocol, transport);
          try {
            await sendAll(queue, ['{"n":1}'], neverStops, () => {});
            const holder = sqsSource(queue);
            const [held] = (await holder.receive(1, neverStops)) ?? [];
            assert.ok(held);
            // as if the safe time were over already: what is in flight must still keep the drain going
            const facts = await queue.facts();
            assert.equal(facts.visibilityTimeoutMs, 60_000);
            const long = await drainingAfter(queue, null);
            assert.equal(await long.isEmpty(systemClock.elapsed() + 120_000, () => queue.facts()), false);
            await holder.settle([{ delivery: held, outcome: "loaded" }]);
            assert.equal(await long.isEmpty(systemClock.elapsed() + 240_000, () => queue.facts()), true);

            const short = sqsSource(queue, { drain: await drainingAfter(queue, 1_000) });
            let answer = await short.receive(10, neverStops);
            while (answer?.length === 0) answer = await short.receive(10, neverStops);
            assert.equal(answer, null);
          } finally {
            queue.close();
          }
        },
      );
    }
  });
}
