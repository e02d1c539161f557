import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

import { Queue, type QueueOptions } from "../../src/sources/sqs/queue.ts";
import { type Answer, startAnsweringServer } from "./answering-server.ts";

/** A message as a test wants it handed out. */
export interface ScriptedMessage {
  readonly id: string;
  readonly handle?: string;
  readonly body?: string;
  readonly attempt?: number;
}

export interface ScriptedEntry {
  readonly handle: string;
  readonly seconds: number | undefined;
}

type Failed = Readonly<Record<string, { readonly code: string; readonly senderFault: boolean }>>;

/** What the queue of a test answers; a status instead of an answer is a failure with that code. */
export interface Script {
  receive?(limit: number, waitSeconds: number): Promise<readonly ScriptedMessage[] | Answer> | readonly ScriptedMessage[] | Answer;
  /** By handle: the entries that fail. */
  remove?(entries: readonly ScriptedEntry[]): Promise<Failed | Answer> | Failed | Answer;
  change?(entries: readonly ScriptedEntry[]): Promise<Failed | Answer> | Failed | Answer;
}

export interface ScriptedQueue {
  readonly queue: Queue;
  readonly received: { readonly limit: number; readonly waitSeconds: number }[];
  readonly removed: (readonly ScriptedEntry[])[];
  readonly changed: (readonly ScriptedEntry[])[];
  close(): Promise<void>;
}

export function fault(status: number, code: string): Answer {
  return { status, body: JSON.stringify({ __type: code, message: "as asked" }) };
}

/** A queue on loopback that says what a test wants, in the JSON protocol. */
export async function startScriptedQueue(
  script: Script,
  name = "scripted",
  transport: QueueOptions["transport"] = "lean",
): Promise<ScriptedQueue> {
  const received: { limit: number; waitSeconds: number }[] = [];
  const removed: (readonly ScriptedEntry[])[] = [];
  const changed: (readonly ScriptedEntry[])[] = [];
  const server = await startAnsweringServer(async ({ headers }, body) => {
    const asked = JSON.parse(body.toString()) as Record<string, unknown>;
    const action = String(headers["x-amz-target"]).split(".")[1];
    if (action === "ReceiveMessage") {
      const call = { limit: Number(asked["MaxNumberOfMessages"]), waitSeconds: Number(asked["WaitTimeSeconds"]) };
      received.push(call);
      const answer = (await script.receive?.(call.limit, call.waitSeconds)) ?? [];
      return isAnswer(answer) ? answer : good({ Messages: answer.map(asMessage) });
    }
    const entries = (asked["Entries"] as readonly { Id: string; ReceiptHandle: string; VisibilityTimeout?: number }[]).map(
      ({ ReceiptHandle, VisibilityTimeout }) => ({ handle: ReceiptHandle, seconds: VisibilityTimeout }),
    );
    (action === "DeleteMessageBatch" ? removed : changed).push(entries);
    const failed = (await (action === "DeleteMessageBatch" ? script.remove : script.change)?.(entries)) ?? {};
    if (isAnswer(failed)) return failed;
    const places = entries.map(({ handle }, place) => ({ Id: String(place), fault: failed[handle] }));
    return good({
      Successful: places.flatMap(({ Id, fault: one }) => (one === undefined ? [{ Id }] : [])),
      Failed: places.flatMap(({ Id, fault: one }) =>
        one === undefined ? [] : [{ Id, Code: one.code, SenderFault: one.senderFault, Message: "as asked" }],
      ),
    });
  });
  const url = `${server.endpoint}/000000000000/${name}`;
  const queue = new Queue({ url, region: "us-east-1", protocol: "json", transport, timeoutMs: 30_000 });
  return {
    queue,
    received,
    removed,
    changed,
    close: async () => {
      queue.close();
      await server.stop();
    },
  };
}

/** Far more than anything here takes: what has not come by then never will, and a test that waits on would only take a core from the others. */
const longestWaitMs = 60_000;

/** Waits for what a server and a client do between themselves. */
export async function until(holds: () => boolean): Promise<void> {
  const lastMs = performance.now() + longestWaitMs;
  while (!holds()) {
    if (performance.now() > lastMs) throw new Error(`not so after ${longestWaitMs / 1_000} s: ${holds.toString()}`);
    await turn();
  }
}

function good(body: unknown): Answer {
  return { status: 200, body: JSON.stringify(body) };
}

function isAnswer(answer: object): answer is Answer {
  return "status" in answer && "body" in answer;
}

function asMessage({ id, handle = `${id}/1`, body = "{}", attempt = 1 }: ScriptedMessage): unknown {
  return {
    MessageId: id,
    ReceiptHandle: handle,
    Body: body,
    MD5OfBody: createHash("md5").update(body).digest("hex"),
    Attributes: { ApproximateReceiveCount: String(attempt), SentTimestamp: "1700000000000" },
  };
}
