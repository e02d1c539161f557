import { isUtf8 } from "node:buffer";

/** Instead of a place in the bytes: what stands there is not what was asked for. */
export const notHere = -1;

export const quote = 0x22;
export const comma = 0x2c;
export const colon = 0x3a;
export const openBrace = 0x7b;
export const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

const space = 0x20;
const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const backslash = 0x5c;
const plus = 0x2b;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const letterE = 0x65;
const letterF = 0x66;
const letterN = 0x6e;
const letterT = 0x74;

/** The white space of JSON (RFC 8259 section 2). */
export function endOfSpace(bytes: DataView, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const byte = bytes.getUint8(at);
    if (byte !== space && byte !== tab && byte !== carriageReturn && byte !== lineFeed) return at;
    at += 1;
  }
  return at;
}

/** The end of a text without escapes and of ASCII only, its quotes included. */
export function endOfPlainText(bytes: DataView, start: number, end: number): number {
  if (start >= end || bytes.getUint8(start) !== quote) return notHere;
  const at = endOfPlain(bytes, start + 1, end);
  return at < end && bytes.getUint8(at) === quote ? at + 1 : notHere;
}

/** Where the first byte is that does not stand for itself in a JSON text of ASCII. */
function endOfPlain(bytes: DataView, start: number, end: number): number {
  let at = start;
  for (const lastWord = bytes.byteLength - 4; at < end && at <= lastWord; at += 4) {
    const unlike = notPlain(bytes.getInt32(at, true));
    if (unlike !== 0) return at + firstMarked(unlike);
  }
  while (at < end && isPlain(bytes.getUint8(at))) at += 1;
  return at;
}

/**
 * Marks, by their highest bits, the bytes of a word that do not stand for themselves in a JSON text of ASCII: quotes, backslashes, control
 * characters and what is no ASCII. Of the marks only the lowest is sure: a subtraction borrows from the bytes above.
 */
export function notPlain(word: number): number {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  return (
    (((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes) | ((word - 0x20202020) & ~word) | word) &
    -0x7f7f7f80
  );
}

/** Which byte of a word, read from its low end, has the lowest mark. */
export function firstMarked(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >>> 3;
}

/** The same of one byte. */
export function isPlain(byte: number): boolean {
  return byte >= space && byte < 0x80 && byte !== quote && byte !== backslash;
}

/** Deeper values are left to those who keep no stack for them. */
const mostLevels = 100;

/** The end of any JSON value. What is behind it is not looked at. */
export function endOfValue(bytes: DataView, start: number, end: number, levels: number = mostLevels): number {
  if (start >= end) return notHere;
  switch (bytes.getUint8(start)) {
    case quote:
      return endOfText(bytes, start, end);
    case openBrace:
    case openBracket:
      return levels === 0 ? notHere : endOfNested(bytes, start, end, levels - 1);
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

export function isNested(bytes: DataView, at: number, end: number): boolean {
  return isAt(openBrace, bytes, at, end) || isAt(openBracket, bytes, at, end);
}

/** An object or a list. */
function endOfNested(bytes: DataView, start: number, end: number, levels: number): number {
  const isObject = bytes.getUint8(start) === openBrace;
  const close = isObject ? closeBrace : closeBracket;
  let at = endOfSpace(bytes, start + 1, end);
  if (isAt(close, bytes, at, end)) return at + 1;
  for (;;) {
    if (isObject) {
      const nameEnd = endOfText(bytes, at, end);
      if (nameEnd === notHere) return notHere;
      at = endOfSpace(bytes, nameEnd, end);
      if (!isAt(colon, bytes, at, end)) return notHere;
      at = endOfSpace(bytes, at + 1, end);
    }
    at = endOfValue(bytes, at, end, levels);
    if (at === notHere) return notHere;
    at = endOfSpace(bytes, at, end);
    if (isAt(close, bytes, at, end)) return at + 1;
    if (!isAt(comma, bytes, at, end)) return notHere;
    at = endOfSpace(bytes, at + 1, end);
  }
}

export function endOfNull(bytes: DataView, start: number, end: number): number {
  return start < end && bytes.getUint8(start) === letterN ? endOfWord("null", bytes, start, end) : notHere;
}

/** Any text that JSON has, its quotes included. */
function endOfText(bytes: DataView, start: number, end: number): number {
  const plainEnd = endOfPlainText(bytes, start, end);
  if (plainEnd !== notHere || !isAt(quote, bytes, start, end)) return plainEnd;
  let at = start + 1;
  while (at < end && bytes.getUint8(at) !== quote) at += bytes.getUint8(at) === backslash ? 2 : 1;
  return at < end && textBetween(bytes, start, at + 1) !== null ? at + 1 : notHere;
}

function endOfWord(word: string, bytes: DataView, start: number, end: number): number {
  const wordEnd = start + word.length;
  if (wordEnd > end) return notHere;
  for (let at = start; at < wordEnd; at += 1) if (bytes.getUint8(at) !== word.charCodeAt(at - start)) return notHere;
  return wordEnd;
}

/** -0, 1.50 and 1e5 are numbers; 01, +1, .5 and 1. are none (RFC 8259 section 6). */
function endOfNumber(bytes: DataView, start: number, end: number): number {
  const first = isAt(minus, bytes, start, end) ? start + 1 : start;
  let at = endOfDigits(bytes, first, end);
  if (at === first || (at > first + 1 && bytes.getUint8(first) === zero)) return notHere;
  if (isAt(point, bytes, at, end)) {
    const fraction = at + 1;
    at = endOfDigits(bytes, fraction, end);
    if (at === fraction) return notHere;
  }
  if (at < end && (bytes.getUint8(at) | 0x20) === letterE) {
    const sign = at + 1;
    const exponent = isAt(plus, bytes, sign, end) || isAt(minus, bytes, sign, end) ? sign + 1 : sign;
    at = endOfDigits(bytes, exponent, end);
    if (at === exponent) return notHere;
  }
  return at;
}

export function isAt(byte: number, bytes: DataView, at: number, end: number): boolean {
  return at < end && bytes.getUint8(at) === byte;
}

export function endOfDigits(bytes: DataView, start: number, end: number): number {
  let at = start;
  while (at < end && isDigit(bytes.getUint8(at))) at += 1;
  return at;
}

export function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39;
}

/** What JSON.parse makes of what stands between two places that `endOfValue` found. */
export function valueBetween(bytes: DataView, start: number, end: number): unknown {
  switch (bytes.getUint8(start)) {
    case quote:
      return textBetween(bytes, start, end);
    case openBrace:
    case openBracket:
      return JSON.parse(bufferOf(bytes, start, end).toString());
    case letterN:
      return null;
    case letterT:
      return true;
    case letterF:
      return false;
    default:
      return Number(bufferOf(bytes, start, end).toString("latin1"));
  }
}

/** A text, from quote to quote; null if it is none. */
function textBetween(bytes: DataView, start: number, end: number): string | null {
  const buffer = bufferOf(bytes, start, end);
  if (endOfPlainText(bytes, start, end) === end) return buffer.toString("latin1", 1, end - start - 1);
  try {
    return isUtf8(buffer) ? (JSON.parse(buffer.toString()) as string) : null;
  } catch {
    return null;
  }
}

export function bufferOf({ buffer, byteOffset }: DataView, start: number, end: number): Buffer {
  return Buffer.from(buffer, byteOffset + start, end - start);
}
