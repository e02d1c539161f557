import type { Column } from "./column.ts";
import type { TextColumn } from "./text-column.ts";
import { dayMs, dayOf } from "./time.ts";

/**
 * Appends a value that stands in the most usual form of its type already, in one pass over its characters. False, and nothing appended,
 * for any other: that is the reader's (readers.ts), and so is every fault. Where one of these takes a value, the reader has the same text
 * for it; the tests hold the two together.
 */
export type QuickForm = (value: unknown, column: TextColumn, max: number) => boolean;

/** None for the types whose values are mostly written in another form than they are stored in, or seldom. */
export function quickForm({ from, type, as, max, masked }: Column): QuickForm | null {
  if (from === "$sent_at" || from === "$received_at") return type === "date" ? dayForm() : null;
  if (masked === "raw") return null;
  if (type === "text") return masked === "canonical" ? appendTrimmed : appendText;
  // a limit of the other types is the readers' affair: nobody sets one
  if (max !== null) return null;
  if (type === "ip") return appendIpv4;
  if (type === "uuid") return appendUuid;
  if (type === "version" && as === "major") return appendMajor;
  return type === "integer" ? appendInteger : null;
}

const space = 0x20;
const hyphen = 0x2d;
const dot = 0x2e;
const zero = 0x30;

function appendText(value: unknown, column: TextColumn, max: number): boolean {
  return typeof value === "string" && value.length <= max && column.addAscii(value);
}

/** In ASCII a text is in NFC, and no code above the space is trimmed. A blank one is missing, so there is a first. */
function appendTrimmed(value: unknown, column: TextColumn, max: number): boolean {
  return (
    typeof value === "string" &&
    value.length <= max &&
    value.length > 0 &&
    value.charCodeAt(0) > space &&
    value.charCodeAt(value.length - 1) > space &&
    column.addAscii(value)
  );
}

const longestIpv4 = 15;

/** As `readAddress` of ip.ts reads it, and as it is written: no octet above 255 or with a leading zero. */
function appendIpv4(value: unknown, column: TextColumn): boolean {
  if (typeof value !== "string" || value.length > longestIpv4) return false;
  const { length } = value;
  const start = column.next(length);
  const { bytes } = column;
  let octet = -1;
  let dots = 0;
  for (let index = 0; index < length; index += 1) {
    const code = value.charCodeAt(index);
    bytes[start + index] = code;
    const digit = code - zero;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return false;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return false;
    } else {
      if (code !== dot || octet < 0) return false;
      dots += 1;
      octet = -1;
    }
  }
  if (dots !== 3 || octet < 0) return false;
  column.added(length);
  return true;
}

const uuidLength = 36;
const lowerCase = 0x20;

/** With its hyphens; in lower case. */
function appendUuid(value: unknown, column: TextColumn): boolean {
  if (typeof value !== "string" || value.length !== uuidLength) return false;
  const start = column.next(uuidLength);
  const { bytes } = column;
  for (let index = 0; index < uuidLength; index += 1) {
    const code = value.charCodeAt(index);
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (code !== hyphen) return false;
      bytes[start + index] = code;
      continue;
    }
    const letter = code | lowerCase;
    if ((code < zero || code > 0x39) && (letter < 0x61 || letter > 0x66)) return false;
    // a digit has that bit
    bytes[start + index] = letter;
  }
  column.added(uuidLength);
  return true;
}

const mostPartDigits = 9;
const mostDots = 3;

/** One to four numbers; the first of them, without leading zeros, is what is stored. */
function appendMajor(value: unknown, column: TextColumn): boolean {
  if (typeof value !== "string") return false;
  const { length } = value;
  const start = column.next(mostPartDigits);
  const { bytes } = column;
  let written = 0;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < length; index += 1) {
    const code = value.charCodeAt(index);
    if (code === dot) {
      if (digits === 0 || dots === mostDots) return false;
      dots += 1;
      digits = 0;
      continue;
    }
    if (code < zero || code > 0x39 || digits === mostPartDigits) return false;
    digits += 1;
    if (dots > 0) continue;
    // a leading zero gives way to the digit behind it
    if (written === 1 && bytes[start] === zero) written = 0;
    bytes[start + written] = code;
    written += 1;
  }
  if (digits === 0) return false;
  column.added(written);
  return true;
}

/** As a JSON number, and of up to nine digits. */
function appendInteger(value: unknown, column: TextColumn): boolean {
  if (typeof value !== "number" || (value | 0) !== value || value < 0) return false;
  return column.addAscii(String(value));
}

/** The day of a point in time in milliseconds: mostly that of the message before. */
function dayForm(): QuickForm {
  let last = Number.NaN;
  let text = "";
  return (value, column) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) return false;
    const day = Math.floor(value / dayMs);
    if (day !== last) {
      const written = dayOf(value);
      if (typeof written !== "string") return false;
      last = day;
      text = written;
    }
    return column.addAscii(text);
  };
}
