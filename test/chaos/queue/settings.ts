import { invalidValue, QueueFault } from "./fault.ts";

/** What a queue is set to, in the units it is used in. */
export interface QueueSettings {
  readonly fifo: boolean;
  readonly visibilityMs: number;
  readonly delayMs: number;
  readonly waitMs: number;
  readonly largestBytes: number;
  readonly byContent: boolean;
  readonly deadLetters: { readonly arn: string; readonly maxReceives: number } | null;
}

/** Attributes that are numbers: name, least, most, default (API reference, CreateQueue; 1 MiB since August 2025). */
const numbers: Readonly<Record<string, readonly [number, number, number]>> = {
  DelaySeconds: [0, 900, 0],
  MaximumMessageSize: [1_024, 1_048_576, 1_048_576],
  MessageRetentionPeriod: [60, 1_209_600, 345_600],
  ReceiveMessageWaitTimeSeconds: [0, 20, 0],
  VisibilityTimeout: [0, 43_200, 30],
};
const others = new Set([
  "ContentBasedDeduplication",
  "DeduplicationScope",
  "FifoQueue",
  "FifoThroughputLimit",
  "KmsMasterKeyId",
  "KmsDataKeyReusePeriodSeconds",
  "Policy",
  "RedriveAllowPolicy",
  "RedrivePolicy",
  "SqsManagedSseEnabled",
]);

/** The attributes a new queue has where nothing is said. */
export function defaultAttributes(): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(numbers).map(([name, [, , value]]) => [name, String(value)])),
    SqsManagedSseEnabled: "true",
  };
}

/** @throws QueueFault where a name is unknown or a value out of its range */
export function checkAttributes(attributes: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    const range = numbers[name];
    if (range === undefined && !others.has(name)) throw new QueueFault("InvalidAttributeName", `Unknown Attribute ${name}.`);
    if (range !== undefined && !(/^\d+$/.test(value) && Number(value) >= range[0] && Number(value) <= range[1])) {
      throw new QueueFault("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);
    }
  }
}

export function readSettings(attributes: Readonly<Record<string, string>>): QueueSettings {
  const seconds = (name: string): number => Number(attributes[name]) * 1_000;
  const fifo = attributes["FifoQueue"] === "true";
  return {
    fifo,
    visibilityMs: seconds("VisibilityTimeout"),
    delayMs: seconds("DelaySeconds"),
    waitMs: seconds("ReceiveMessageWaitTimeSeconds"),
    largestBytes: Number(attributes["MaximumMessageSize"]),
    byContent: fifo && attributes["ContentBasedDeduplication"] === "true",
    deadLetters: readRedrive(attributes["RedrivePolicy"]),
  };
}

function readRedrive(text: string | undefined): QueueSettings["deadLetters"] {
  if (text === undefined || text === "") return null;
  let policy: { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown };
  try {
    policy = JSON.parse(text) as typeof policy;
  } catch {
    throw invalidValue("RedrivePolicy", text, "Redrive policy is not a valid JSON map.");
  }
  const { deadLetterTargetArn: arn } = policy;
  const maxReceives = Number(policy.maxReceiveCount);
  if (typeof arn !== "string" || !Number.isInteger(maxReceives) || maxReceives < 1 || maxReceives > 1_000) {
    throw invalidValue("RedrivePolicy", text, "it needs deadLetterTargetArn, and maxReceiveCount between 1 and 1000.");
  }
  return { arn, maxReceives };
}
