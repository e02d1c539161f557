import type { Message } from "@aws-sdk/client-sqs";

import { MasklineError } from "../../errors.ts";
import type { Delivery } from "../../pipeline/ports.ts";

/**
 * Reads a message as SQS hands it over (API reference, ReceiveMessage).
 * @throws MasklineError `queue_refused` for one without an id or a handle: it could not be told from others, nor deleted
 */
export function readMessage(message: Message, receivedAtMs: number): Delivery {
  const { MessageId: id, ReceiptHandle: handle } = message;
  if (typeof id !== "string" || typeof handle !== "string" || id === "" || handle === "") {
    throw new MasklineError("queue_refused", "the queue handed out a message without an id or a handle", {
      next: "this server does not speak SQS as AWS does; nothing was deleted",
    });
  }
  const system = message.Attributes ?? {};
  const attempt = Number(system.ApproximateReceiveCount ?? 1);
  const sentAtMs = Number(system.SentTimestamp);
  return {
    id,
    body: message.Body ?? "",
    sentAtMs: Number.isFinite(sentAtMs) && sentAtMs > 0 ? sentAtMs : null,
    receivedAtMs,
    attempt: Number.isSafeInteger(attempt) ? attempt : 1,
    groupId: system.MessageGroupId ?? null,
    attributes: message.MessageAttributes === undefined ? noAttributes : textsOf(message.MessageAttributes),
    handle,
  };
}

/** Shared by all messages without any: most have none. */
const noAttributes: Readonly<Record<string, string>> = Object.freeze({});

function textsOf(attributes: NonNullable<Message["MessageAttributes"]>): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const name of Object.keys(attributes)) {
    const text = attributes[name]?.StringValue;
    if (text !== undefined) texts[name] = text;
  }
  return texts;
}

/** Beside the body: ids, handle, and the objects that hold them. */
const overheadBytes = 1_024;

/** What a message weighs in memory: a text that is not all ASCII may take two bytes a character. */
export function weightOf({ body, attributes }: Delivery): number {
  let bytes = overheadBytes + textBytes(body);
  for (const name in attributes) bytes += textBytes(attributes[name] ?? "");
  return bytes;
}

function textBytes(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : text.length * 2;
}
