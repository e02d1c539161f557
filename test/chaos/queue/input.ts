import { attributesBytes, type MessageAttributes } from "./attributes.ts";
import { invalidValue, missingParameter, QueueFault, serviceFault } from "./fault.ts";
import type { NewMessage } from "./message.ts";

/** A request's parameters, under the names of the JSON protocol. */
export type Input = Readonly<Record<string, unknown>>;

export function textOf(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== "string") throw missingParameter(name);
  return value;
}

export function textsOf(input: Input, name: string): readonly string[] {
  const value = input[name];
  return Array.isArray(value) ? value.map(String) : [];
}

/** A map of texts; AWS takes numbers too. */
export function flatMap(input: Input, name: string): Record<string, string> {
  const value = input[name];
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]));
}

/** A whole number, which the Query protocol writes as text; null where it is missing. */
export function wholeOf(input: Input, name: string, least: number, most: number): number | null {
  const value = input[name];
  if (value === undefined || value === null) return null;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw invalidValue(name, value, `Must be between ${least} and ${most}, if provided.`);
}

/** The entries of a batch: one to ten, each with an id of its own. */
export function entriesOf(input: Input): readonly Input[] {
  const { Entries: entries } = input as { readonly Entries?: readonly Input[] };
  if (!Array.isArray(entries) || entries.length === 0) {
    throw serviceFault("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > 10) {
    throw serviceFault(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    );
  }
  const ids = entries.map((entry: Input) => textOf(entry, "Id"));
  if (ids.some((id) => !/^[\w-]{1,80}$/.test(id))) {
    throw serviceFault(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores.",
    );
  }
  if (new Set(ids).size < ids.length) throw serviceFault("BatchEntryIdsNotDistinct", "Id repeated.");
  return entries;
}

// API reference, SendMessage: #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF
const allowedBody = /^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]*$/u;

export function newMessage(input: Input, largestBytes: number): NewMessage {
  const body = textOf(input, "MessageBody");
  const attributes = (input["MessageAttributes"] as MessageAttributes | undefined) ?? null;
  const given = attributes === null || Object.keys(attributes).length === 0 ? null : attributes;
  if (body === "") throw missingParameter("MessageBody");
  if (!allowedBody.test(body))
    throw new QueueFault("InvalidMessageContents", "The message contains characters outside the allowed set.");
  if (Buffer.byteLength(body) + attributesBytes(given) > largestBytes) {
    throw new QueueFault(
      "InvalidParameterValue",
      `One or more parameters are invalid. Reason: Message must be shorter than ${largestBytes} bytes.`,
    );
  }
  const text = (name: string): string | null => (input[name] === undefined ? null : textOf(input, name));
  const delay = wholeOf(input, "DelaySeconds", 0, 900);
  return {
    body,
    attributes: given,
    group: text("MessageGroupId"),
    deduplicationId: text("MessageDeduplicationId"),
    delayMs: delay === null ? null : delay * 1_000,
  };
}
