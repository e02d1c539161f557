import type { Column } from "./column.ts";
import { copyRun } from "./copy-run.ts";
import { readIp } from "./ip-bytes.ts";
import { endOfDigits, firstMarked, isAt, isDigit, isPlain, notHere, notPlain, quote } from "./json-bytes.ts";
import type { TextColumn } from "./text-column.ts";

/** How values are read from bytes: by the column's type and the form its mask wants. `value`: only through the reader of JSON values. */
export type ByteForm = "text" | "trimmed" | "ip" | "major" | "integer" | "uuid" | "value";

export function byteForm({ type, as, masked }: Column): ByteForm {
  if (type === "text") return masked === "no" ? "text" : "trimmed";
  if (type === "ip") return "ip";
  if (type === "integer") return "integer";
  // what is kept as it was sent, and not in its canonical form, is for the other reader
  if (type === "uuid" && masked !== "raw") return "uuid";
  if (type === "version" && as === "major" && masked !== "raw") return "major";
  return "value";
}

/**
 * Reads the JSON value at `start` and adds its text to a column, where it is in the usual form and not longer than `max`.
 * @returns where the value ends; `notHere`, with nothing added, for any other value: which does not make it a wrong one
 */
export function readBytes(form: ByteForm, bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  // a switch, and no table of functions: calls that go to many places are not inlined, which takes as long as the reading
  switch (form) {
    case "text":
      return readText(bytes, start, end, column, max);
    case "trimmed":
      return readTrimmed(bytes, start, end, column, max);
    case "ip":
      return readIp(bytes, start, end, column, max);
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
const wordBytes = 4;

function readText(bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  const textEnd = copyText(bytes, start, end, column);
  if (textEnd === notHere || textEnd - start - 1 > max) return notHere;
  column.added(textEnd - start - 1);
  return textEnd + 1;
}

/** A text that no trimming changes, and that is not blank. */
function readTrimmed(bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  const textEnd = copyText(bytes, start, end, column);
  const length = textEnd - start - 1;
  if (textEnd === notHere || length === 0 || length > max) return notHere;
  if (bytes.getUint8(start + 1) === space || bytes.getUint8(textEnd - 1) === space) return notHere;
  column.added(length);
  return textEnd + 1;
}

/** Copies a text without escapes and of ASCII only to where the column's next row stands. @returns where its closing quote is */
function copyText(bytes: DataView, start: number, end: number, column: TextColumn): number {
  if (!isAt(quote, bytes, start, end)) return notHere;
  let at = start + 1;
  // a word more: the last one is written whole
  let to = column.next(end - start + wordBytes);
  const { view } = column;
  for (const lastWord = bytes.byteLength - wordBytes; at < end && at <= lastWord; at += wordBytes) {
    const word = bytes.getInt32(at, true);
    view.setInt32(to, word, true);
    const unlike = notPlain(word);
    if (unlike !== 0) {
      at += firstMarked(unlike);
      return isAt(quote, bytes, at, end) ? at : notHere;
    }
    to += wordBytes;
  }
  for (; at < end; at += 1) {
    const byte = bytes.getUint8(at);
    if (!isPlain(byte)) return byte === quote ? at : notHere;
    view.setUint8(to, byte);
    to += 1;
  }
  return notHere;
}

/** The first of one to four numbers, each of at most nine digits: version.ts. */
function readMajor(bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  if (!isAt(quote, bytes, start, end)) return notHere;
  const majorEnd = endOfDigits(bytes, start + 1, end);
  let at = majorEnd;
  if (!isVersionPart(at - start - 1)) return notHere;
  for (let dots = 0; dots < 3 && isAt(dot, bytes, at, end); dots += 1) {
    const partEnd = endOfDigits(bytes, at + 1, end);
    if (!isVersionPart(partEnd - at - 1)) return notHere;
    at = partEnd;
  }
  if (!isAt(quote, bytes, at, end)) return notHere;
  let first = start + 1;
  while (first < majorEnd - 1 && bytes.getUint8(first) === zero) first += 1;
  return copyRun(bytes, first, majorEnd, column, max) ? at + 1 : notHere;
}

function isVersionPart(digits: number): boolean {
  return digits >= 1 && digits <= 9;
}

/** So many digits a double keeps. */
const exactDigits = 15;

/** A JSON number, or a text of digits, that is neither -0 nor long. */
function readInteger(bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  const isText = isAt(quote, bytes, start, end);
  const first = isText ? start + 1 : start;
  const digits = isAt(minus, bytes, first, end) ? first + 1 : first;
  const last = endOfDigits(bytes, digits, end);
  if (last === digits || last - digits > exactDigits) return notHere;
  // the one number that begins with a zero
  if (bytes.getUint8(digits) === zero && last !== first + 1) return notHere;
  if (isText ? !isAt(quote, bytes, last, end) : goesOn(bytes, last, end)) return notHere;
  if (!copyRun(bytes, first, last, column, max)) return notHere;
  return isText ? last + 1 : last;
}

/** A fraction or an exponent follows. */
function goesOn(bytes: DataView, at: number, end: number): boolean {
  return at < end && (bytes.getUint8(at) === dot || (bytes.getUint8(at) | 0x20) === 0x65);
}

const uuidLength = 36;

/** With its dashes, in lower case. */
function readUuid(bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  const first = start + 1;
  const last = first + uuidLength;
  if (uuidLength > max || !isAt(quote, bytes, start, end) || !isAt(quote, bytes, last, end)) return notHere;
  const to = column.next(uuidLength);
  const { view } = column;
  for (let index = 0; index < uuidLength; index += 1) {
    const byte = bytes.getUint8(first + index);
    const isDash = index === 8 || index === 13 || index === 18 || index === 23;
    if (isDash ? byte !== minus : !isHexDigit(byte)) return notHere;
    // what a dash and digits have set already
    view.setUint8(to + index, byte | 0x20);
  }
  column.added(uuidLength);
  return last + 1;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
