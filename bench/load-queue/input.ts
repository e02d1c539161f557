import { missingParameter, QueueFault } from "./fault.ts";

/** A request's parameters. */
export type Input = Readonly<Record<string, unknown>>;

export function readInput(text: string): Input {
  try {
    const input: unknown = JSON.parse(text === "" ? "{}" : text);
    if (typeof input === "object" && input !== null) return input as Input;
  } catch {
    // told below
  }
  throw new QueueFault("SerializationException", "The body is no JSON object.");
}

export function textOf(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== "string") throw missingParameter(name);
  return value;
}

export function textsOf(input: Input, name: string): readonly string[] {
  const value = input[name];
  return Array.isArray(value) ? value.map(String) : [];
}

export function wholeOf(input: Input, name: string, least: number, most: number): number | null {
  const value = input[name];
  if (value === undefined || value === null) return null;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new QueueFault(
    "InvalidParameterValue",
    `Value for parameter ${name} is invalid. Reason: Must be between ${least} and ${most}, if provided.`,
  );
}

/** The entries of a batch: one to ten, each with an id of its own. */
export function entriesOf(input: Input): readonly Input[] {
  const entries = input["Entries"] as readonly Input[] | undefined;
  if (!Array.isArray(entries) || entries.length === 0) throw batchFault("EmptyBatchRequest", "There should be at least one entry.");
  if (entries.length > 10) throw batchFault("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.");
  const ids = new Set<string>();
  for (const entry of entries as readonly Input[]) ids.add(textOf(entry, "Id"));
  if (ids.size < entries.length) throw batchFault("BatchEntryIdsNotDistinct", "Id repeated.");
  return entries as readonly Input[];
}

function batchFault(code: string, message: string): QueueFault {
  return new QueueFault(code, message, `AWS.SimpleQueueService.${code}`);
}
