// Peer `floor`: receive 10, delete 10, by unsigned requests on undici, answers read whole and parsed once: what the protocol itself costs
// in Node. AWS refuses such requests; a queue server of a benchmark takes them. Leaves out everything, signatures, retries and checks too.
import { Pool } from "undici";

import { readTask, sideBySide, untilTerminated } from "./task.ts";

interface Received {
  readonly Messages?: readonly { readonly ReceiptHandle: string }[];
}

const task = readTask();
const ended = untilTerminated();
const { origin, pathname: path } = new URL(task.queueUrl);
const pool = new Pool(origin, { connections: task.pollers });

async function call(action: string, input: object): Promise<unknown> {
  const { statusCode, body } = await pool.request({
    path,
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify({ QueueUrl: task.queueUrl, ...input }),
    signal: ended,
  });
  const answer = await body.json();
  if (statusCode !== 200) throw new Error(`${action} was answered with ${statusCode}`);
  return answer;
}

try {
  await sideBySide(task.pollers, async () => {
    while (!ended.aborted) {
      const { Messages: messages = [] } = (await call("ReceiveMessage", {
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 20,
      })) as Received;
      if (messages.length === 0) continue;
      const Entries = messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
      await call("DeleteMessageBatch", { Entries });
    }
  });
} catch (error) {
  if (!ended.aborted) throw error;
} finally {
  await pool.destroy();
}
