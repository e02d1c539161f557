import { parentPort } from "node:worker_threads";

/** What the thread tells the one that started it. */
export interface Listening {
  readonly port: number;
}

interface NamedQueues {
  QueueUrl?: string;
  QueueUrls?: string[];
}

const answersWithQueueUrls = new Set(["AmazonSQS.CreateQueue", "AmazonSQS.GetQueueUrl", "AmazonSQS.ListQueues"]);

/** The thread of the queue server: queue-server.ts starts it and says why it is a thread. */
async function serve(): Promise<Listening> {
  const { buildApp } = await import("fauxqs");
  const app = buildApp({ logger: false });
  let endpoint = "";
  const withOurHost = (url: string): string => endpoint + new URL(url).pathname;
  // It names its queues "sqs.REGION.localhost", which many machines cannot resolve; it finds them by account and name alone.
  app.addHook("preSerialization", async (request, _reply, payload: NamedQueues) => {
    if (!answersWithQueueUrls.has(String(request.headers["x-amz-target"]))) return payload;
    if (payload.QueueUrl !== undefined) payload.QueueUrl = withOurHost(payload.QueueUrl);
    if (payload.QueueUrls !== undefined) payload.QueueUrls = payload.QueueUrls.map(withOurHost);
    return payload;
  });
  // not its `startFauxqs`, which listens on every interface whatever it is told
  endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
  return { port: Number(new URL(endpoint).port) };
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- between threads there are no origins
if (parentPort !== null) parentPort.postMessage(await serve());
