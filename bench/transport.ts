import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { parseArgs } from "node:util";

import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { SignatureV4 } from "@smithy/signature-v4";
import { Pool } from "undici";

import { Queue } from "../src/sources/sqs/queue.ts";
import { SdkSha256 } from "../test/harness/sdk-hash.ts";

/** Receives ten messages and deletes them; answers with how many. */
type ReceiveAndDelete = () => Promise<number>;

interface Way {
  readonly name: string;
  readonly once: ReceiveAndDelete;
  close(): void;
}

const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };
const region = "us-east-1";
const pollers = 8;
const neverStops = new AbortController().signal;
const admit = (length: number | null) => ({ mostBytes: length ?? 1_048_576, tooLong: () => {} });

function ours(url: string, transport: "lean" | "sdk"): Way {
  const queue = new Queue({ url, region, protocol: "json", transport, timeoutMs: 10_000 });
  return {
    name: `maskline, transport: ${transport}`,
    once: async () => {
      const messages = await queue.receive({ limit: 10, waitSeconds: 20, withAttributes: false }, neverStops, admit);
      await queue.deleteBatch(messages.map(({ ReceiptHandle: handle = "" }) => ({ handle })));
      return messages.length;
    },
    close: () => queue.close(),
  };
}

function sdkAtItsDefaults(url: string): Way {
  const client = new SQSClient({ endpoint: new URL(url).origin, region, credentials });
  return {
    name: "the AWS SDK's client at its defaults",
    once: async () => {
      const receive = { QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20, AttributeNames: ["All" as const] };
      const { Messages: messages = [] } = await client.send(new ReceiveMessageCommand(receive));
      const entries = messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
      await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: entries }));
      return messages.length;
    },
    close: () => client.destroy(),
  };
}

/** The SDK's signer on undici's own request call, checksums left out: what one would write first. */
function sdkSignerOnUndici(url: string): Way {
  const { origin, hostname, host } = new URL(url);
  const pool = new Pool(origin);
  const signer = new SignatureV4({ credentials, region, service: "sqs", sha256: SdkSha256, applyChecksum: false });
  const call = async (action: string, input: object): Promise<{ Messages?: { ReceiptHandle: string }[] }> => {
    const body = JSON.stringify(input);
    const headers = { host, "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
    const signed = await signer.sign({ method: "POST", protocol: "http:", hostname, path: "/", headers, query: {}, body });
    const answer = await pool.request({ method: "POST", path: "/", headers: signed.headers, body });
    return (await answer.body.json()) as { Messages?: { ReceiptHandle: string }[] };
  };
  return {
    name: "the SDK's signer on undici",
    once: async () => {
      const receive = { QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20, AttributeNames: ["All"] };
      const { Messages: messages = [] } = await call("ReceiveMessage", receive);
      const entries = messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
      await call("DeleteMessageBatch", { QueueUrl: url, Entries: entries });
      return messages.length;
    },
    close: () => void pool.destroy(),
  };
}

/** Microseconds of CPU time a message, the collector's and compiler's threads included. */
async function measure(way: Way, messages: number): Promise<number> {
  const before = process.cpuUsage();
  let done = 0;
  const poll = async (): Promise<void> => {
    while (done < messages) {
      const received = await way.once();
      done += received;
    }
  };
  await Promise.all(Array.from({ length: pollers }, poll));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / done;
}

async function startServer(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "canned-queue.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return { child, url: `http://127.0.0.1:${Number(port)}/000000000000/login-queue` };
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, messages: { type: "string", default: "50000" }, only: { type: "string" } },
});
// the same for all: what each finds by itself would be another thing to measure
Object.assign(process.env, { AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench" });
const { child, url } = await startServer();
const ways = [ours(url, "lean"), sdkSignerOnUndici(url), ours(url, "sdk"), sdkAtItsDefaults(url)].filter(
  ({ name }) => values.only === undefined || name.includes(values.only),
);
const figures = new Map<Way, number[]>(ways.map((way) => [way, []]));
for (const way of ways) await measure(way, Number(values.messages));
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const way of ways) figures.get(way)?.push(await measure(way, Number(values.messages)));
}
for (const [{ name, close }, rounds] of figures) {
  const sorted = rounds.sort((one, other) => one - other);
  const [median = 0, least = 0, most = 0] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)];
  process.stdout.write(`${median.toFixed(1).padStart(6)} us a message (${least.toFixed(1)}-${most.toFixed(1)})  ${name}\n`);
  close();
}
child.kill();
