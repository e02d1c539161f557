import { attributesMd5 } from "./attributes.ts";
import { missingParameter, QueueFault } from "./fault.ts";
import { entriesOf, flatMap, type Input, newMessage, textOf, textsOf, wholeOf } from "./input.ts";
import type { Received } from "./received.ts";
import type { QueueStore } from "./store.ts";
import type { StoredQueue } from "./stored-queue.ts";

export interface Call {
  readonly action: string;
  readonly input: Input;
  /** The name of the queue it is about; "" for those that are about none. */
  readonly queue: string;
  /** Where the client finds this server. */
  readonly origin: string;
  /** Aborted when the client is there no more. */
  readonly gone: AbortSignal;
}

export type Output = Readonly<Record<string, unknown>>;

export interface Done {
  readonly output: Output | Received;
  /** Messages it was about. */
  readonly messages: number;
}

type Action = (store: QueueStore, call: Call) => Done | Promise<Done>;

/** A list, asked for in one call and answered with `Failed[]` and `Successful[]`. */
function batch(each: (store: QueueStore, queue: StoredQueue, entry: Input) => Output): Action {
  return (store, call) => {
    const queue = store.find(call.queue);
    const Successful: Output[] = [];
    const Failed: Output[] = [];
    for (const entry of entriesOf(call.input)) {
      const Id = textOf(entry, "Id");
      try {
        Successful.push({ Id, ...each(store, queue, entry) });
      } catch (error) {
        if (!(error instanceof QueueFault)) throw error;
        Failed.push({ Id, SenderFault: error.status < 500, Code: error.queryCode, Message: error.message });
      }
    }
    return { output: Failed.length === 0 ? { Successful } : { Successful, Failed }, messages: Successful.length };
  };
}

const urlOf = ({ origin }: Call, name: string): string => `${origin}/000000000000/${name}`;
const nothing: Done = { output: {}, messages: 0 };

/** Every action the server knows. */
export const actions: Readonly<Record<string, Action>> = {
  CreateQueue: (store, call) => {
    const { name } = store.create(textOf(call.input, "QueueName"), flatMap(call.input, "Attributes"));
    return { output: { QueueUrl: urlOf(call, name) }, messages: 0 };
  },
  GetQueueUrl: (store, call) => {
    const { name } = store.find(textOf(call.input, "QueueName"));
    return { output: { QueueUrl: urlOf(call, name) }, messages: 0 };
  },
  ListQueues: (store, call) => {
    const prefix = call.input["QueueNamePrefix"] === undefined ? "" : textOf(call.input, "QueueNamePrefix");
    const names = store.names().filter((name) => name.startsWith(prefix));
    return { output: names.length === 0 ? {} : { QueueUrls: names.map((name) => urlOf(call, name)) }, messages: 0 };
  },
  GetQueueAttributes: (store, { queue, input }) => {
    const asked = textsOf(input, "AttributeNames");
    const all = queueAttributes(store.find(queue));
    for (const name of asked) {
      if (name !== "All" && !knownAttribute(all, name)) throw new QueueFault("InvalidAttributeName", `Unknown Attribute ${name}.`);
    }
    const chosen = asked.includes("All") ? all : Object.fromEntries(Object.entries(all).filter(([name]) => asked.includes(name)));
    return { output: Object.keys(chosen).length === 0 ? {} : { Attributes: chosen }, messages: 0 };
  },
  SetQueueAttributes: (store, { queue, input }) => {
    store.find(queue).set(flatMap(input, "Attributes"));
    return nothing;
  },
  SendMessage: (store, { queue, input }) => {
    const found = store.find(queue);
    const output = send(found, input);
    found.wake();
    return { output, messages: 1 };
  },
  SendMessageBatch: async (store, call) => {
    const queue = store.find(call.queue);
    const bytes = entriesOf(call.input).reduce((sum, entry) => sum + Buffer.byteLength(textOf(entry, "MessageBody")), 0);
    if (bytes > 1_048_576) {
      throw new QueueFault("BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes.", {
        queryCode: "AWS.SimpleQueueService.BatchRequestTooLong",
      });
    }
    const done = await batch((_, found, entry) => send(found, entry))(store, call);
    queue.wake();
    return done;
  },
  ReceiveMessage: async (store, { queue, input, gone }) => {
    const found = store.find(queue);
    const wish = {
      limit: wholeOf(input, "MaxNumberOfMessages", 1, 10) ?? 1,
      waitMs: (wholeOf(input, "WaitTimeSeconds", 0, 20) ?? found.settings.waitMs / 1_000) * 1_000,
      visibilityMs: secondsOf(input, "VisibilityTimeout"),
    };
    const system = new Set([...textsOf(input, "AttributeNames"), ...textsOf(input, "MessageSystemAttributeNames")]);
    const named = textsOf(input, "MessageAttributeNames");
    const handed = await found.receive(wish, gone);
    if (handed.length === 0) {
      store.counters.emptyReceives += 1;
      return nothing;
    }
    return { output: { handed, system, named }, messages: handed.length };
  },
  DeleteMessage: (store, { queue, input }) => {
    store.find(queue).delete(textOf(input, "ReceiptHandle"));
    return { output: {}, messages: 1 };
  },
  DeleteMessageBatch: (store, call) => {
    const { faults, random, counters } = store;
    const partial = faults.partialDeletes > 0 && random.chance(faults.partialDeletes);
    return batch((_, queue, entry) => {
      const fails = partial && random.chance(0.5);
      if (!fails || random.chance(0.5)) queue.delete(textOf(entry, "ReceiptHandle"));
      if (!fails) return {};
      counters.failedDeletes += 1;
      throw new QueueFault("InternalError", "The request processing has failed.", { status: 500 });
    })(store, call);
  },
  ChangeMessageVisibility: (store, { queue, input }) => {
    store.find(queue).changeVisibility(textOf(input, "ReceiptHandle"), visibilityMs(input));
    return { output: {}, messages: 1 };
  },
  ChangeMessageVisibilityBatch: batch((_, queue, entry) => {
    queue.changeVisibility(textOf(entry, "ReceiptHandle"), visibilityMs(entry));
    return {};
  }),
  StartMessageMoveTask: (store, { input }) => {
    const to = input["DestinationArn"] === undefined ? null : store.findByArn(textOf(input, "DestinationArn"));
    const source = store.findByArn(textOf(input, "SourceArn"));
    const moved = source.redrive(to);
    const TaskHandle = Buffer.from(`${source.name} ${store.newId()}`).toString("base64url");
    store.moves.unshift({
      TaskHandle,
      Status: "COMPLETED",
      SourceArn: source.arn,
      ...(to === null ? {} : { DestinationArn: to.arn }),
      ApproximateNumberOfMessagesMoved: moved,
      ApproximateNumberOfMessagesToMove: moved,
      StartedTimestamp: store.nowMs(),
    });
    return { output: { TaskHandle }, messages: moved };
  },
  ListMessageMoveTasks: (store, { input }) => {
    const { arn } = store.findByArn(textOf(input, "SourceArn"));
    const most = wholeOf(input, "MaxResults", 1, 10) ?? 1;
    return { output: { Results: store.moves.filter(({ SourceArn }) => SourceArn === arn).slice(0, most) }, messages: 0 };
  },
};

function send(queue: StoredQueue, input: Input): Output {
  const message = newMessage(input, queue.settings.largestBytes);
  const { id, bodyMd5, sequence } = queue.send(message);
  return {
    MessageId: id,
    MD5OfMessageBody: bodyMd5,
    ...(message.attributes === null ? {} : { MD5OfMessageAttributes: attributesMd5(message.attributes) }),
    ...(sequence === null ? {} : { SequenceNumber: sequence }),
  };
}

function visibilityMs(input: Input): number {
  const ms = secondsOf(input, "VisibilityTimeout");
  if (ms === null) throw missingParameter("VisibilityTimeout");
  return ms;
}

function secondsOf(input: Input, name: string): number | null {
  const seconds = wholeOf(input, name, 0, 43_200);
  return seconds === null ? null : seconds * 1_000;
}

function queueAttributes(queue: StoredQueue): Record<string, string> {
  const { visible, inFlight, delayed } = queue.counts;
  return {
    ...queue.attributes,
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(queue.createdAtS),
    LastModifiedTimestamp: String(queue.createdAtS),
  };
}

/** AWS refuses names it does not know; of those it knows, some a queue does not have. */
function knownAttribute(all: Readonly<Record<string, string>>, name: string): boolean {
  return name in all || /^(Kms|Redrive|Policy|Fifo|ContentBased|Deduplication)/.test(name);
}
