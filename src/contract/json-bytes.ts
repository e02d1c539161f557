import { isUtf8 } from "node:buffer";

/** Instead of a place in the bytes: what stands there is not what was asked for. */
export const notHere = -1;

export const quote = 0x22;
export const comma = 0x2c;
export const colon = 0x3a;
export const backslash = 0x5c;
export const openBrace = 0x7b;
export const closeBrace = 0x7d;

const space = 0x20;
const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const minus = 0x2d;
const zero = 0x30;
const letterN = 0x6e;
const letterT = 0x74;
const letterF = 0x66;

/** The white space of JSON (RFC 8259 section 2). */
export function endOfSpace(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const byte = bytes[at];
    if (byte !== space && byte !== tab && byte !== carriageReturn && byte !== lineFeed) return at;
    at += 1;
  }
  return at;
}

/** The end of a text without escapes and of printable ASCII only, its quotes included. */
export function endOfPlainText(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] !== quote) return notHere;
  let at = start + 1;
  while (at < end && isPlain(bytes[at] as number)) at += 1;
  return at < end && bytes[at] === quote ? at + 1 : notHere;
}

/** Printable ASCII that stands for itself in a JSON text. */
export function isPlain(byte: number): boolean {
  return byte >= space && byte <= 0x7e && byte !== quote && byte !== backslash;
}

/** The end of a text, a number, true, false or null. What is behind it is not looked at. */
export function endOfScalar(bytes: Buffer, start: number, end: number): number {
  switch (bytes[start]) {
    case quote:
      return endOfText(bytes, start, end);
    case letterN:
      return endOfWord("null", bytes, start, end);
    case letterT:
      return endOfWord("true", bytes, start, end);
    case letterF:
      return endOfWord("false", bytes, start, end);
    default:
      return endOfNumber(bytes, start, end);
  }
}

export function endOfNull(bytes: Buffer, start: number, end: number): number {
  return bytes[start] === letterN ? endOfWord("null", bytes, start, end) : notHere;
}

/** Any text that JSON has, its quotes included. */
function endOfText(bytes: Buffer, start: number, end: number): number {
  const plainEnd = endOfPlainText(bytes, start, end);
  if (plainEnd !== notHere) return plainEnd;
  let at = start + 1;
  while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at < end && textBetween(bytes, start, at + 1) !== null ? at + 1 : notHere;
}

function endOfWord(word: string, bytes: Buffer, start: number, end: number): number {
  const wordEnd = start + word.length;
  if (wordEnd > end) return notHere;
  for (let index = 0; index < word.length; index += 1) if (bytes[start + index] !== word.charCodeAt(index)) return notHere;
  return wordEnd;
}

/** -0, 1.50 and 1e5 are numbers; 01, +1, .5 and 1. are none (RFC 8259 section 6). */
function endOfNumber(bytes: Buffer, start: number, end: number): number {
  let at = bytes[start] === minus ? start + 1 : start;
  const whole = endOfDigits(bytes, at, end);
  if (whole === at || (bytes[at] === zero && whole > at + 1)) return notHere;
  at = whole;
  if (at < end && bytes[at] === 0x2e) {
    const fraction = endOfDigits(bytes, at + 1, end);
    if (fraction === at + 1) return notHere;
    at = fraction;
  }
  if (at < end && ((bytes[at] as number) | 0x20) === 0x65) {
    at += 1;
    if (at < end && (bytes[at] === 0x2b || bytes[at] === minus)) at += 1;
    const exponent = endOfDigits(bytes, at, end);
    return exponent === at ? notHere : exponent;
  }
  return at;
}

export function endOfDigits(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && isDigit(bytes[at] as number)) at += 1;
  return at;
}

export function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39;
}

/** What JSON.parse makes of the text, number, true or false between two places that `endOfScalar` found; undefined where it refuses. */
export function scalarBetween(bytes: Buffer, start: number, end: number): string | number | boolean | undefined {
  switch (bytes[start]) {
    case quote:
      return textBetween(bytes, start, end) ?? undefined;
    case letterT:
      return true;
    case letterF:
      return false;
    default:
      return Number(bytes.toString("latin1", start, end));
  }
}

/** A text, from quote to quote; null if it is none. */
function textBetween(bytes: Buffer, start: number, end: number): string | null {
  let all = 0;
  let isEscaped = false;
  for (let at = start + 1; at < end - 1; at += 1) {
    const byte = bytes[at] as number;
    if (byte < space) return null;
    all |= byte;
    if (byte === backslash) isEscaped = true;
  }
  if (all >= 0x80 && !isUtf8(bytes.subarray(start, end))) return null;
  if (!isEscaped) return bytes.toString(all < 0x80 ? "latin1" : "utf8", start + 1, end - 1);
  try {
    return JSON.parse(bytes.toString("utf8", start, end)) as string;
  } catch {
    return null;
  }
}
