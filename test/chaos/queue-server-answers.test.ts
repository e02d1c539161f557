import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { type RunningSqsServer, sqsServers } from "../engines/sqs-servers.ts";
import { startChaosQueueServer } from "./queue-server.ts";
import { type Answer, ask } from "./queue/ask.ts";
import { otherwise, type Probe, probes } from "./queue/probes.ts";

const told = new Set([
  "Id",
  "Body",
  "MD5OfBody",
  "MD5OfMessageBody",
  "MD5OfMessageAttributes",
  "ApproximateReceiveCount",
  "Code",
  "SenderFault",
  "StringValue",
  "DataType",
  "VisibilityTimeout",
  "MessageGroupId",
  "MessageDeduplicationId",
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
]);

/** What of an answer can be compared: names, and the values that do not differ from run to run. An empty list is as good as none. */
function comparable(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => comparable(name, one));
  if (typeof value !== "object" || value === null) return told.has(name) ? value : typeof value;
  const kept = Object.entries(value).filter(([, one]) => !(Array.isArray(one) && one.length === 0));
  return Object.fromEntries(kept.sort().map(([key, one]) => [key, comparable(key, one)]));
}

const compared = ({ status, code, body }: Answer): unknown => (code === null ? comparable("", body) : { status, code });

const others = (await sqsServers()).filter(({ name, lacks }) => name !== "our own" && lacks?.attributes === undefined);

suite("the queue server's answers", () => {
  let ours: RunningSqsServer;
  let queues = 0;
  before(async () => {
    ours = await startChaosQueueServer({ seed: 1 });
  });
  after(() => ours?.stop());

  async function answerOf({ endpoint }: RunningSqsServer, { script, attributes = {} }: Probe): Promise<unknown> {
    const name = `probe-${(queues += 1)}${attributes["FifoQueue"] === undefined ? "" : ".fifo"}`;
    const made = await ask(endpoint, "CreateQueue", { QueueName: name, Attributes: attributes });
    const { pathname } = new URL(String(made.body["QueueUrl"]));
    const QueueUrl = new URL(pathname, endpoint).href;
    return compared(
      await script((action, input = {}) =>
        ask(endpoint, action, /^(CreateQueue|GetQueueUrl)$/.test(action) ? input : { QueueUrl, ...input }),
      ),
    );
  }

  for (const engine of others) {
    suite(`compared with ${engine.name}`, { skip: engine.missing ?? false }, () => {
      let theirs: RunningSqsServer;
      before(async () => {
        theirs = await engine.start();
      });
      after(() => theirs?.stop());
      for (const probe of probes) {
        test(probe.title, async () => {
          const [left, right] = [await answerOf(ours, probe), await answerOf(theirs, probe)];
          if (otherwise[probe.title]?.includes(engine.name)) assert.notDeepEqual(left, right, "it is as AWS now: compare it");
          else assert.deepEqual(left, right);
        });
      }
    });
  }
});
