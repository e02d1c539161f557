import path from "node:path";
import { Worker } from "node:worker_threads";

import { MasklineError } from "../errors.ts";
import type { Listening } from "./queue-server-worker.ts";

export interface QueueCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** A running SQS server of our own, on loopback only. It speaks the JSON protocol and takes any credentials. */
export interface QueueServer {
  readonly endpoint: string;
  /** Creates a queue, or finds it where there is one with these attributes already; resolves to its URL. */
  createQueue(name: string, attributes?: Readonly<Record<string, string>>): Promise<string>;
  /** Exact, unlike a real queue's. */
  counts(queueUrl: string): Promise<QueueCounts>;
  /** Ends the server and everything in it. May be called again. */
  stop(): Promise<void>;
}

/** The install command for the queue server; a test holds its version to the one in package.json. */
export const queueServerInstall = "npm install fauxqs@^2.4.1";

/**
 * Starts the npm package `fauxqs` and resolves once it listens.
 *
 * In a thread of its own: so it does not take its time from the program that drains it, yet it cannot outlive this process,
 * whatever ends it, and Ctrl-C does not reach it before its user has stopped.
 */
export async function startQueueServer(): Promise<QueueServer> {
  try {
    import.meta.resolve("fauxqs");
  } catch {
    throw new MasklineError("dependency_missing", "the embedded queue server is not installed", { next: queueServerInstall });
  }
  // .ts in a checkout, .js in a build
  const worker = new Worker(new URL(`./queue-server-worker${path.extname(import.meta.filename)}`, import.meta.url), {
    // Captured, and never read (reading would keep this process alive): Node warns about parts of itself that the package
    // uses, and that is nothing for the user's terminal.
    stdout: true,
    stderr: true,
    execArgv: [],
  });
  const { port } = await untilListening(worker);
  worker.unref();
  const endpoint = `http://127.0.0.1:${port}`;
  let stopped: Promise<void> | undefined;
  return {
    endpoint,
    createQueue: async (name, attributes = {}) => {
      const answer = await call(endpoint, "CreateQueue", { QueueName: name, Attributes: attributes });
      return String(answer["QueueUrl"]);
    },
    counts: async (queueUrl) => {
      const answer = await call(endpoint, "GetQueueAttributes", { QueueUrl: queueUrl, AttributeNames: ["All"] });
      const attributes = answer["Attributes"] as Readonly<Record<string, string>>;
      return {
        visible: Number(attributes["ApproximateNumberOfMessages"]),
        inFlight: Number(attributes["ApproximateNumberOfMessagesNotVisible"]),
        delayed: Number(attributes["ApproximateNumberOfMessagesDelayed"]),
      };
    },
    stop: () => (stopped ??= worker.terminate().then(() => {})),
  };
}

async function untilListening(worker: Worker): Promise<Listening> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    // stays for the server's life: when it fails later, its clients find it unreachable, and that is how they report it
    worker.on("error", (error) => reject(notStarted(error instanceof Error ? error.message : "unknown")));
    worker.once("exit", () => reject(notStarted("its thread ended at once")));
  });
}

function notStarted(reason: string): MasklineError {
  return new MasklineError("setup_failed", "the embedded queue server did not start", { details: [reason] });
}

/** One request of the SQS JSON protocol. Unsigned: the server does not look, and the AWS SDK belongs to the queue's adapter. */
async function call(endpoint: string, action: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Readonly<Record<string, unknown>>;
  if (!response.ok) {
    throw new MasklineError("setup_failed", `the embedded queue server refused ${action}`, {
      details: [String(answer["message"])],
    });
  }
  return answer;
}
