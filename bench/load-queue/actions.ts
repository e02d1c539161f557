import { missingParameter, QueueFault } from "./fault.ts";
import type { HttpConnection } from "./http-connection.ts";
import { entriesOf, type Input, textOf, textsOf, wholeOf } from "./input.ts";
import type { LoadQueue } from "./load-queue.ts";

/** What an action works on. */
export interface QueueStore {
  /** @throws QueueFault */
  create(name: string, attributes: Readonly<Record<string, string>>): LoadQueue;
  /** By its URL. @throws QueueFault */
  find(url: string): LoadQueue;
  /** @throws QueueFault */
  named(name: string): LoadQueue;
  names(): readonly string[];
  urlOf(name: string): string;
}

type Action = (store: QueueStore, input: Input) => object;

/** What is asked seldom. ReceiveMessage and DeleteMessageBatch have a way of their own. */
export const actions: Readonly<Record<string, Action>> = {
  CreateQueue: (store, input) => {
    const attributes = Object.entries(input["Attributes"] ?? {}).map(([name, value]) => [name, String(value)] as const);
    return { QueueUrl: store.urlOf(store.create(textOf(input, "QueueName"), Object.fromEntries(attributes)).options.name) };
  },
  GetQueueUrl: (store, input) => ({ QueueUrl: store.urlOf(store.named(textOf(input, "QueueName")).options.name) }),
  ListQueues: (store) => ({ QueueUrls: store.names().map((name) => store.urlOf(name)) }),
  GetQueueAttributes: (store, input) => {
    const asked = textsOf(input, "AttributeNames");
    const all = Object.entries(attributesOf(store.find(textOf(input, "QueueUrl"))));
    return { Attributes: Object.fromEntries(asked.includes("All") ? all : all.filter(([name]) => asked.includes(name))) };
  },
  SendMessage: (store, input) => {
    const queue = store.find(textOf(input, "QueueUrl"));
    const sent = send(queue, input);
    queue.serve();
    return sent;
  },
  SendMessageBatch: (store, input) => {
    const queue = store.find(textOf(input, "QueueUrl"));
    const answer = inBatch(input, (entry) => send(queue, entry));
    queue.serve();
    return answer;
  },
  DeleteMessage: (store, input) => {
    const queue = store.find(textOf(input, "QueueUrl"));
    queue.counters.deletes += 1;
    queue.delete(textOf(input, "ReceiptHandle"));
    queue.serve();
    return {};
  },
  ChangeMessageVisibility: (store, input) => {
    const queue = store.find(textOf(input, "QueueUrl"));
    change(queue, input);
    queue.serve();
    return {};
  },
  ChangeMessageVisibilityBatch: (store, input) => {
    const queue = store.find(textOf(input, "QueueUrl"));
    const answer = inBatch(input, (entry) => {
      change(queue, entry);
      return {};
    });
    queue.serve();
    return answer;
  },
};

const deletedTens: readonly string[] = Array.from({ length: 10 }, (_, last) => {
  const ids = Array.from({ length: last + 1 }, (_, place) => `{"Id":"${place}"}`);
  return `{"Successful":[${ids.join(",")}]}`;
});

/** Written as JSON at once: half of all calls under load. */
export function deleteBatch(queue: LoadQueue, input: Input, connection: HttpConnection): void {
  const entries = entriesOf(input);
  queue.counters.deletes += 1;
  const failed: object[] = [];
  let inOrder = true;
  for (let place = 0; place < entries.length; place += 1) {
    const entry = entries[place] as Input;
    if (entry["Id"] !== String(place)) inOrder = false;
    try {
      queue.delete(textOf(entry, "ReceiptHandle"));
    } catch (error) {
      failed.push(failure(entry, error));
    }
  }
  if (inOrder && failed.length === 0) connection.answer(deletedTens[entries.length - 1] ?? "{}");
  else connection.answer(JSON.stringify(batchAnswer(entries, [], failed)));
  queue.serve();
}

function inBatch(input: Input, each: (entry: Input) => object): object {
  const entries = entriesOf(input);
  const answers: object[] = [];
  const failed: object[] = [];
  for (const entry of entries) {
    try {
      answers.push({ Id: entry["Id"], ...each(entry) });
    } catch (error) {
      failed.push(failure(entry, error));
    }
  }
  return batchAnswer(entries, answers, failed);
}

function batchAnswer(entries: readonly Input[], answers: readonly object[], failed: readonly object[]): object {
  const failedIds = new Set(failed.map((one) => (one as { readonly Id: unknown }).Id));
  const Successful = answers.length > 0 ? answers : entries.filter(({ Id }) => !failedIds.has(Id)).map(({ Id }) => ({ Id }));
  return failed.length === 0 ? { Successful } : { Successful, Failed: failed };
}

function failure(entry: Input, error: unknown): object {
  if (!(error instanceof QueueFault)) throw error;
  return { Id: entry["Id"], SenderFault: true, Code: error.queryCode, Message: error.message };
}

function send(queue: LoadQueue, input: Input): object {
  const body = textOf(input, "MessageBody");
  if (body === "") throw missingParameter("MessageBody");
  for (const name of ["MessageAttributes", "DelaySeconds", "MessageGroupId"]) {
    if (input[name] !== undefined) throw new QueueFault("UnsupportedOperation", `This server does not know ${name}.`);
  }
  if (Buffer.byteLength(body) > largestBytes) {
    throw new QueueFault("InvalidParameterValue", `Message must be shorter than ${largestBytes} bytes.`);
  }
  const { id, digest } = queue.send(body);
  return { MessageId: id, MD5OfMessageBody: digest };
}

function change(queue: LoadQueue, input: Input): void {
  const seconds = wholeOf(input, "VisibilityTimeout", 0, 43_200);
  if (seconds === null) throw missingParameter("VisibilityTimeout");
  queue.counters.visibilityChanges += 1;
  queue.changeVisibility(textOf(input, "ReceiptHandle"), seconds * 1_000);
}

const largestBytes = 1_048_576;

function attributesOf({ options, states }: LoadQueue): Readonly<Record<string, string>> {
  states.sweep();
  return {
    QueueArn: `arn:aws:sqs:us-east-1:000000000000:${options.name}`,
    VisibilityTimeout: String(options.visibilityMs / 1_000),
    MaximumMessageSize: String(largestBytes),
    MessageRetentionPeriod: "345600",
    ReceiveMessageWaitTimeSeconds: "0",
    DelaySeconds: "0",
    ...options.attributes,
    ApproximateNumberOfMessages: String(states.visible),
    ApproximateNumberOfMessagesNotVisible: String(states.inFlight),
    ApproximateNumberOfMessagesDelayed: "0",
  };
}
