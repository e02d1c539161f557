import type { Answer } from "./ask.ts";

/** Calls that lead up to one answer; that one is compared. */
export type Script = (call: (action: string, input?: object) => Promise<Answer>) => Promise<Answer>;

export interface Probe {
  readonly title: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly script: Script;
}

const everything = { AttributeNames: ["All"], MessageSystemAttributeNames: ["All"], MessageAttributeNames: ["All"] };
const entries = (count: number): object[] =>
  Array.from({ length: count }, (_, place) => ({ Id: `${place}`, MessageBody: `m${place}` }));

function handlesOf({ body }: Answer): readonly string[] {
  const messages = (body["Messages"] ?? []) as readonly { readonly ReceiptHandle: string }[];
  return messages.map(({ ReceiptHandle }) => ReceiptHandle);
}

/** Sends one message and receives it. */
async function held(call: Parameters<Script>[0]): Promise<string> {
  await call("SendMessage", { MessageBody: "held" });
  return handlesOf(await call("ReceiveMessage"))[0] ?? "";
}

/** What is asked of every server. */
export const probes: readonly Probe[] = [
  {
    title: "a queue that is not there",
    script: (call) => call("ReceiveMessage", { QueueUrl: "http://127.0.0.1/000000000000/nowhere" }),
  },
  { title: "the URL of a queue that is not there", script: (call) => call("GetQueueUrl", { QueueName: "nowhere" }) },
  {
    title: "a queue made twice alike",
    script: (call) => call("CreateQueue", { QueueName: "twice" }).then(() => call("CreateQueue", { QueueName: "twice" })),
  },
  {
    title: "a queue made twice with other attributes",
    script: async (call) => {
      await call("CreateQueue", { QueueName: "other", Attributes: { VisibilityTimeout: "30" } });
      return call("CreateQueue", { QueueName: "other", Attributes: { VisibilityTimeout: "31" } });
    },
  },
  {
    title: "a message with attributes",
    script: (call) =>
      call("SendMessage", {
        MessageBody: "hello",
        MessageAttributes: { k: { DataType: "String", StringValue: "v" }, b: { DataType: "Binary", BinaryValue: "AAEC" } },
      }),
  },
  { title: "a message of 1 MiB", script: (call) => call("SendMessage", { MessageBody: "x".repeat(1_048_576) }) },
  { title: "a message too large by one byte", script: (call) => call("SendMessage", { MessageBody: "x".repeat(1_048_577) }) },
  { title: "a message with a character that is not allowed", script: (call) => call("SendMessage", { MessageBody: "a\u0000b" }) },
  { title: "a batch sent", script: (call) => call("SendMessageBatch", { Entries: entries(3) }) },
  { title: "a batch of none", script: (call) => call("SendMessageBatch", { Entries: [] }) },
  { title: "a batch of eleven", script: (call) => call("SendMessageBatch", { Entries: entries(11) }) },
  { title: "a batch with one id twice", script: (call) => call("SendMessageBatch", { Entries: [...entries(1), ...entries(1)] }) },
  { title: "nothing received", script: (call) => call("ReceiveMessage", everything) },
  {
    title: "a message received with nothing asked for",
    script: (call) => call("SendMessage", { MessageBody: "{}" }).then(() => call("ReceiveMessage")),
  },
  {
    title: "a message received with everything",
    script: (call) =>
      call("SendMessage", { MessageBody: "{}", MessageAttributes: { k: { DataType: "String", StringValue: "v" } } }).then(() =>
        call("ReceiveMessage", everything),
      ),
  },
  { title: "eleven asked for", script: (call) => call("ReceiveMessage", { MaxNumberOfMessages: 11 }) },
  { title: "a wait of 21 seconds", script: (call) => call("ReceiveMessage", { WaitTimeSeconds: 21 }) },
  { title: "a delete", script: async (call) => call("DeleteMessage", { ReceiptHandle: await held(call) }) },
  {
    title: "a delete made twice",
    script: async (call) => {
      const handle = await held(call);
      await call("DeleteMessage", { ReceiptHandle: handle });
      return call("DeleteMessage", { ReceiptHandle: handle });
    },
  },
  { title: "a delete under a handle that never was", script: (call) => call("DeleteMessage", { ReceiptHandle: "bogus" }) },
  {
    title: "a batch of deletes, one under a handle that never was",
    script: async (call) =>
      call("DeleteMessageBatch", {
        Entries: [
          { Id: "good", ReceiptHandle: await held(call) },
          { Id: "bad", ReceiptHandle: "bogus" },
        ],
      }),
  },
  {
    title: "a longer visibility",
    script: async (call) => call("ChangeMessageVisibility", { ReceiptHandle: await held(call), VisibilityTimeout: 60 }),
  },
  {
    title: "a visibility of more than twelve hours",
    script: async (call) => call("ChangeMessageVisibility", { ReceiptHandle: await held(call), VisibilityTimeout: 43_201 }),
  },
  {
    title: "a visibility under a handle that never was",
    script: (call) => call("ChangeMessageVisibility", { ReceiptHandle: "bogus", VisibilityTimeout: 1 }),
  },
  {
    title: "a batch of visibilities, one under a handle that never was",
    script: async (call) =>
      call("ChangeMessageVisibilityBatch", {
        Entries: [
          { Id: "good", ReceiptHandle: await held(call), VisibilityTimeout: 60 },
          { Id: "bad", ReceiptHandle: "bogus", VisibilityTimeout: 60 },
        ],
      }),
  },
  {
    title: "a visibility for what is visible again",
    script: async (call) => {
      const handle = await held(call);
      await call("ChangeMessageVisibility", { ReceiptHandle: handle, VisibilityTimeout: 0 });
      return call("ChangeMessageVisibility", { ReceiptHandle: handle, VisibilityTimeout: 60 });
    },
  },
  {
    title: "a message released and received again",
    script: async (call) => {
      await call("ChangeMessageVisibility", { ReceiptHandle: await held(call), VisibilityTimeout: 0 });
      return call("ReceiveMessage", { MessageSystemAttributeNames: ["ApproximateReceiveCount"] });
    },
  },
  {
    title: "what is left after a delete under an older handle",
    script: async (call) => {
      const older = await held(call);
      await call("ChangeMessageVisibility", { ReceiptHandle: older, VisibilityTimeout: 0 });
      await call("ReceiveMessage");
      await call("DeleteMessage", { ReceiptHandle: older });
      return call("GetQueueAttributes", {
        AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
      });
    },
  },
  {
    title: "how many there are",
    script: async (call) => {
      await held(call);
      await call("SendMessageBatch", { Entries: entries(2) });
      await call("SendMessage", { MessageBody: "later", DelaySeconds: 60 });
      return call("GetQueueAttributes", {
        AttributeNames: [
          "ApproximateNumberOfMessages",
          "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed",
          "VisibilityTimeout",
        ],
      });
    },
  },
  {
    title: "a visibility timeout that was changed",
    script: async (call) => {
      await call("SetQueueAttributes", { Attributes: { VisibilityTimeout: "77" } });
      return call("GetQueueAttributes", { AttributeNames: ["VisibilityTimeout"] });
    },
  },
  {
    title: "FIFO: a message without a group",
    attributes: { FifoQueue: "true" },
    script: (call) => call("SendMessage", { MessageBody: "m", MessageDeduplicationId: "d" }),
  },
  {
    title: "FIFO: a message without a deduplication id",
    attributes: { FifoQueue: "true" },
    script: (call) => call("SendMessage", { MessageBody: "m", MessageGroupId: "g" }),
  },
  {
    title: "FIFO: a message received with everything",
    attributes: { FifoQueue: "true" },
    script: async (call) => {
      await call("SendMessage", { MessageBody: "m", MessageGroupId: "g", MessageDeduplicationId: "d" });
      return call("ReceiveMessage", everything);
    },
  },
  {
    title: "FIFO: one deduplication id sent twice, and its group in order",
    attributes: { FifoQueue: "true" },
    script: async (call) => {
      for (const body of ["a", "b", "b", "c"])
        await call("SendMessage", { MessageBody: body, MessageGroupId: "g", MessageDeduplicationId: body });
      return call("ReceiveMessage", { MaxNumberOfMessages: 10 });
    },
  },
  {
    title: "FIFO: a group of which one is in flight",
    attributes: { FifoQueue: "true" },
    script: async (call) => {
      for (const body of ["a", "b"])
        await call("SendMessage", { MessageBody: body, MessageGroupId: "g", MessageDeduplicationId: body });
      await call("ReceiveMessage");
      return call("ReceiveMessage");
    },
  },
  {
    title: "FIFO: a group whose first message was released",
    attributes: { FifoQueue: "true" },
    script: async (call) => {
      for (const body of ["a", "b"])
        await call("SendMessage", { MessageBody: body, MessageGroupId: "g", MessageDeduplicationId: body });
      const [handle] = handlesOf(await call("ReceiveMessage"));
      await call("ChangeMessageVisibility", { ReceiptHandle: handle, VisibilityTimeout: 0 });
      return call("ReceiveMessage");
    },
  },
];

/**
 * Where the others are not as AWS's documents have it: by probe, their names. Of a visibility for what is visible again AWS's reference
 * says MessageNotInflight, and AWS has been seen to answer as if it had done something; `faults.quietStaleHandles` is that way.
 */
export const otherwise: Readonly<Record<string, readonly string[]>> = {
  "a delete under a handle that never was": ["fauxqs"],
  "a batch of deletes, one under a handle that never was": ["fauxqs"],
  "a visibility under a handle that never was": ["fauxqs"],
  "FIFO: one deduplication id sent twice, and its group in order": ["fauxqs"],
  "a message with a character that is not allowed": ["moto", "elasticmq"],
  "a visibility for what is visible again": ["moto", "elasticmq"],
  "what is left after a delete under an older handle": ["moto"],
  "FIFO: a message without a group": ["moto"],
  "a message too large by one byte": ["elasticmq"],
  "a batch of none": ["elasticmq"],
  "eleven asked for": ["elasticmq"],
  "a wait of 21 seconds": ["elasticmq"],
  "a delete made twice": ["elasticmq"],
  "a visibility of more than twelve hours": ["elasticmq"],
};
