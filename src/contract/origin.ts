import type { Column, ColumnType } from "./column.ts";
import type { Incoming } from "./incoming.ts";
import type { JsonObject } from "./json-value.ts";
import { readInteger } from "./number.ts";
import { compilePath, pathProblem } from "./path.ts";
import { columnReader } from "./readers.ts";
import type { Reader } from "./reading.ts";
import { dayOf, timestampOf } from "./time.ts";

/** Where a column's value comes from, and how it is read. */
export interface Origin {
  /** The raw value; undefined or null where the message has none. */
  readonly find: (body: JsonObject, incoming: Incoming) => unknown;
  readonly read: Reader;
  /** Every message has it: its absence is a fault also where the column is not required. */
  readonly always: boolean;
}

const attributePrefix = "$attributes.";

/** The origin that `from` names, or what is wrong with it. A body field whose name starts with `$` cannot be named. */
export function columnOrigin(column: Column): Origin | string {
  const { from } = column;
  if (!from.startsWith("$")) {
    const problem = pathProblem(from);
    return problem === null ? { find: compilePath(from), read: columnReader(column), always: false } : `from: ${from} ${problem}`;
  }
  if (from === "$sent_at") return timeOrigin(column, (_, incoming) => incoming.sentAtMs);
  if (from === "$received_at") return timeOrigin(column, (_, incoming) => incoming.receivedAtMs);
  if (from === "$message_id") return { find: (_, incoming) => incoming.id, read: columnReader(column), always: true };
  if (from === "$group_id") return { find: (_, incoming) => incoming.groupId, read: columnReader(column), always: false };
  const name = from.startsWith(attributePrefix) ? from.slice(attributePrefix.length) : "";
  if (name === "") {
    return `from: ${from} is not known; allowed: a path into the body, $sent_at, $received_at, $message_id, $group_id, $attributes.NAME`;
  }
  return {
    find: (_, { attributes }) => (Object.hasOwn(attributes, name) ? attributes[name] : undefined),
    read: columnReader(column),
    always: false,
  };
}

function timeOrigin(column: Column, find: Origin["find"]): Origin | string {
  const read = timeReaders[column.type];
  return read === undefined
    ? `type: ${column.from} is a point in time; allowed: ${Object.keys(timeReaders).join(", ")}`
    : { find, read: (epochMs) => read(epochMs as number), always: true };
}

/** What a point in time, in milliseconds, becomes in a column. Always UTC: the result must not depend on where the process runs. */
const timeReaders: Readonly<Partial<Record<ColumnType, (epochMs: number) => ReturnType<Reader>>>> = {
  date: dayOf,
  timestamp: timestampOf,
  text: timestampOf,
  integer: readInteger,
  number: readInteger,
};
