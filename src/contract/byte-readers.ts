import type { Column } from "./column.ts";
import { endOfDigits, isDigit, isPlain, notHere, quote } from "./json-bytes.ts";
import type { TextColumn } from "./text-column.ts";

/** How values are read from bytes: by the column's type and the form its mask wants. `value`: only through the reader of strings. */
export type ByteForm = "text" | "trimmed" | "ipv4" | "major" | "integer" | "uuid" | "value";

export function byteForm({ type, as, masked }: Column): ByteForm {
  if (type === "text") return masked === "no" ? "text" : "trimmed";
  if (type === "ip") return "ipv4";
  if (type === "integer") return "integer";
  // What is kept as it was sent, and not in its canonical form, is the other reader's.
  if (type === "uuid" && masked !== "raw") return "uuid";
  if (type === "version" && as === "major" && masked !== "raw") return "major";
  return "value";
}

/**
 * Reads the JSON value at `start` and adds its text to a column, where it is in the usual form and not longer than `max`.
 * @returns where the value ends; `notHere`, with nothing added, for any other value: which does not make it a wrong one
 */
export function readBytes(form: ByteForm, bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  // A switch, and no table of functions: calls that go to many places are not inlined, which takes as long as the reading.
  switch (form) {
    case "text":
      return readText(bytes, start, end, column, max);
    case "trimmed":
      return readTrimmed(bytes, start, end, column, max);
    case "ipv4":
      return readIpv4(bytes, start, end, column, max);
    case "major":
      return readMajor(bytes, start, end, column, max);
    case "integer":
      return readInteger(bytes, start, end, column, max);
    case "uuid":
      return readUuid(bytes, start, end, column, max);
    case "value":
      return notHere;
  }
}

const space = 0x20;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;

function readText(bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  if (start >= end || bytes[start] !== quote) return notHere;
  const to = column.next(end - start);
  const text = column.bytes;
  let at = start + 1;
  let written = to;
  while (at < end) {
    const byte = bytes[at] as number;
    if (!isPlain(byte)) break;
    text[written] = byte;
    written += 1;
    at += 1;
  }
  if (at >= end || bytes[at] !== quote || written - to > max) return notHere;
  column.added(written - to);
  return at + 1;
}

/** A text that no trimming changes, and that is not blank. */
function readTrimmed(bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  const { count } = column;
  const valueEnd = bytes[start + 1] === space ? notHere : readText(bytes, start, end, column, max);
  if (valueEnd === notHere || (valueEnd - start > 2 && bytes[valueEnd - 2] !== space)) return valueEnd;
  column.truncate(count);
  return notHere;
}

/** As `readIpv4` of ip.ts: no octet above 255 or with a leading zero. */
function readIpv4(bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  if (start >= end || bytes[start] !== quote) return notHere;
  const to = column.next(longestIpv4 + 1);
  const text = column.bytes;
  const last = Math.min(end, start + longestIpv4 + 2);
  let octet = -1;
  let dots = 0;
  for (let at = start + 1; at < last; at += 1) {
    const byte = bytes[at] as number;
    const digit = byte - zero;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return notHere;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return notHere;
    } else {
      if (octet < 0) return notHere;
      if (byte === quote) {
        const length = at - start - 1;
        if (dots !== 3 || length > max) return notHere;
        column.added(length);
        return at + 1;
      }
      if (byte !== dot || dots === 3) return notHere;
      dots += 1;
      octet = -1;
    }
    text[to + at - start - 1] = byte;
  }
  return notHere;
}

const longestIpv4 = 15;

/** The first of one to four numbers, each of at most nine digits: version.ts. */
function readMajor(bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  if (start >= end || bytes[start] !== quote) return notHere;
  const majorEnd = endOfDigits(bytes, start + 1, end);
  let at = majorEnd;
  if (!isVersionPart(at - start - 1)) return notHere;
  for (let dots = 0; dots < 3 && at < end && bytes[at] === dot; dots += 1) {
    const partEnd = endOfDigits(bytes, at + 1, end);
    if (!isVersionPart(partEnd - at - 1)) return notHere;
    at = partEnd;
  }
  if (at >= end || bytes[at] !== quote) return notHere;
  let first = start + 1;
  while (first < majorEnd - 1 && bytes[first] === zero) first += 1;
  if (majorEnd - first > max) return notHere;
  copy(bytes, first, majorEnd, column);
  return at + 1;
}

function isVersionPart(digits: number): boolean {
  return digits >= 1 && digits <= 9;
}

/** A JSON number or a text of digits, short enough for a double to keep them all. */
function readInteger(bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  const isText = bytes[start] === quote;
  const first = isText ? start + 1 : start;
  const digits = first < end && bytes[first] === minus ? first + 1 : first;
  const last = endOfDigits(bytes, digits, end);
  const isZero = last === first + 1 && bytes[first] === zero;
  if (last === digits || last - digits > exactDigits || (bytes[digits] === zero && !isZero) || last - first > max) return notHere;
  if (isText ? last >= end || bytes[last] !== quote : !isEndOfInteger(bytes, last, end)) return notHere;
  copy(bytes, first, last, column);
  return isText ? last + 1 : last;
}

const exactDigits = 15;

/** Neither a fraction nor an exponent follows. */
function isEndOfInteger(bytes: Buffer, at: number, end: number): boolean {
  if (at >= end) return true;
  const byte = bytes[at] as number;
  return byte !== dot && (byte | 0x20) !== 0x65;
}

/** With its dashes: 36 characters, in lower case. */
function readUuid(bytes: Buffer, start: number, end: number, column: TextColumn, max: number): number {
  const last = start + 1 + uuidLength;
  if (last >= end || bytes[start] !== quote || bytes[last] !== quote || uuidLength > max) return notHere;
  const to = column.next(uuidLength);
  const text = column.bytes;
  for (let index = 0; index < uuidLength; index += 1) {
    const byte = bytes[start + 1 + index] as number;
    const lower = byte | 0x20;
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (byte !== minus) return notHere;
      text[to + index] = byte;
    } else {
      if (!isDigit(byte) && (lower < 0x61 || lower > 0x66)) return notHere;
      text[to + index] = lower;
    }
  }
  column.added(uuidLength);
  return last + 1;
}

const uuidLength = 36;

function copy(bytes: Buffer, start: number, end: number, column: TextColumn): void {
  const to = column.next(end - start);
  const text = column.bytes;
  for (let at = start; at < end; at += 1) text[to + at - start] = bytes[at] as number;
  column.added(end - start);
}
