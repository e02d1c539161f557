import { attributesMd5, chosenAttributes } from "./attributes.ts";
import type { HandedOut } from "./stored-queue.ts";

/** What a ReceiveMessage answers with, and which attributes were asked for. */
export interface Received {
  readonly handed: readonly HandedOut[];
  /** System attributes: `All`, or names. */
  readonly system: ReadonlySet<string>;
  readonly named: readonly string[];
}

export function isReceived(output: object): output is Received {
  return "handed" in output;
}

/** An account's, as AWS's look. */
const senderId = "AIDAIENQZJOLO23YVJ4VO";

export function receivedOutput({ handed, system, named }: Received): Readonly<Record<string, unknown>> {
  return {
    Messages: handed.map(({ message, handle, receives }) => {
      const attributes = systemAttributes(message, receives, system);
      const chosen = chosenAttributes(message.attributes, named);
      return {
        MessageId: message.id,
        ReceiptHandle: handle,
        MD5OfBody: message.bodyMd5,
        Body: message.body,
        ...(attributes.length === 0 ? {} : { Attributes: Object.fromEntries(attributes) }),
        ...(chosen === null ? {} : { MessageAttributes: chosen, MD5OfMessageAttributes: attributesMd5(chosen) }),
      };
    }),
  };
}

/** The same as JSON, written by hand: most of what the server does under load is this. A test holds it to the other. */
export function receivedJson({ handed, system, named }: Received): string {
  let messages = "";
  for (const { message, handle, receives } of handed) {
    let attributes = "";
    for (const [name, value] of systemAttributes(message, receives, system)) {
      attributes += `${attributes === "" ? ',"Attributes":{' : ","}"${name}":${needsEscape.has(name) ? JSON.stringify(value) : `"${value}"`}`;
    }
    const chosen = chosenAttributes(message.attributes, named);
    const custom =
      chosen === null ? "" : `,"MessageAttributes":${JSON.stringify(chosen)},"MD5OfMessageAttributes":"${attributesMd5(chosen)}"`;
    messages += `${messages === "" ? "" : ","}{"MessageId":"${message.id}","ReceiptHandle":"${handle}","MD5OfBody":"${message.bodyMd5}","Body":${JSON.stringify(message.body)}${attributes === "" ? "" : `${attributes}}`}${custom}}`;
  }
  return `{"Messages":[${messages}]}`;
}

/** Those that a producer chooses. */
const needsEscape: ReadonlySet<string> = new Set(["MessageGroupId", "MessageDeduplicationId"]);

type Attribute = readonly [string, string];

function systemAttributes(message: HandedOut["message"], receives: number, asked: ReadonlySet<string>): readonly Attribute[] {
  if (asked.size === 0) return [];
  const all: Attribute[] = [
    ["SenderId", senderId],
    ["ApproximateFirstReceiveTimestamp", String(message.firstReceivedAtMs)],
    ["ApproximateReceiveCount", String(receives)],
    ["SentTimestamp", String(message.sentAtMs)],
  ];
  if (message.group !== null) all.push(["MessageGroupId", message.group]);
  if (message.deduplicationId !== null) all.push(["MessageDeduplicationId", message.deduplicationId]);
  if (message.sequence !== null) all.push(["SequenceNumber", message.sequence]);
  if (message.diedIn !== null) all.push(["DeadLetterQueueSourceArn", message.diedIn]);
  return asked.has("All") ? all : all.filter(([name]) => asked.has(name));
}
