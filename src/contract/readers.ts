import type { Column, ColumnType } from "./column.ts";
import { readEmail } from "./email.ts";
import { readIp } from "./ip.ts";
import { readJson } from "./json.ts";
import { readBoolean, readInteger, readNumber } from "./number.ts";
import type { Reader } from "./reading.ts";
import { limitedTo, readCanonicalText, readText } from "./text.ts";
import { readDate, readTimestamp } from "./time.ts";
import { readUuid } from "./uuid.ts";
import { versionReader } from "./version.ts";

/** What each column type reads; the rules stand beside each reader. */
const readers: Readonly<Record<ColumnType, (column: Column) => Reader>> = {
  text: (column) => (column.masked === "canonical" ? readCanonicalText : readText),
  integer: () => readInteger,
  number: () => readNumber,
  boolean: () => readBoolean,
  uuid: () => readUuid,
  ip: () => readIp,
  email: () => readEmail,
  date: () => readDate,
  timestamp: () => readTimestamp,
  version: (column) => versionReader(column.as),
  json: () => readJson,
};

/** The reader of a column: its type, the form its mask wants, and its limit. */
export function columnReader(column: Column): Reader {
  const read = readers[column.type](column);
  const form = column.masked === "raw" ? asSent(read) : read;
  return column.max === null ? form : limitedTo(column.max, form);
}

/** Checks by the type, then keeps the text that was sent: legacy hashes were made of that. */
function asSent(read: Reader): Reader {
  return (value) => {
    const text = read(value);
    return typeof text === "string" && typeof value === "string" ? value : text;
  };
}
