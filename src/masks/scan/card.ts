import { isDash, isDigit } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";
import { isLuhnValid } from "./luhn.ts";
import { continuesNumber } from "./ssn-shape.ts";

/** ISO/IEC 7812-1: card numbers have up to 19 digits; none in use has fewer than 13. */
const fewestDigits = 13;
const mostDigits = 19;
/** All groups but the last have at least so many digits: dates and times beside each other are not one number. */
const shortestGroup = 3;

/**
 * Card numbers: 13 to 19 digits with a valid check digit, in one run or in groups that all have the same single space or hyphen between
 * them. Of groups in a row the longest valid number counts: what follows a card number (its expiry, the next column) does not hide it.
 */
export const cardDetector: Detector = {
  kind: "card",
  open: (text) => (from) => nextCard(text, from),
  shortest: fewestDigits,
  longest: mostDigits + Math.floor((mostDigits - 1) / shortestGroup),
  longestValueBytes: (codePoints) => Math.min(codePoints, mostDigits),
};

function nextCard(text: string, from: number): Finding | null {
  let at = from;
  while (at < text.length) {
    if (!isDigit(text.charCodeAt(at))) {
      at += 1;
      continue;
    }
    const finding = startsNumber(text, at) ? readCard(text, at) : null;
    if (finding !== null) return finding;
    at = endOfDigits(text, at);
  }
  return null;
}

function startsNumber(text: string, start: number): boolean {
  const isFraction = text[start - 1] === "." && isDigit(text.charCodeAt(start - 2));
  return !isFraction && !continuesNumber(text, start - 1, start - 2);
}

function readCard(text: string, start: number): Finding | null {
  let longest: Finding | null = null;
  let digits = "";
  let separator: number | null = null;
  for (let groupStart = start; ;) {
    const end = endOfDigits(text, groupStart, mostDigits + 1);
    digits += text.slice(groupStart, end);
    if (digits.length > mostDigits) return longest;
    if (digits.length >= fewestDigits && !continuesNumber(text, end, end + 1) && isLuhnValid(digits))
      longest = { kind: "card", start, end, value: digits };
    const code = text.charCodeAt(end);
    const fits = separator === null ? isSpace(code) || isDash(code) : code === separator;
    if (!fits || end - groupStart < shortestGroup || !isDigit(text.charCodeAt(end + 1))) return longest;
    separator = code;
    groupStart = end + 1;
  }
}

/** A space, also one that keeps a line together. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0xa0 || code === 0x2009 || code === 0x202f;
}

function endOfDigits(text: string, start: number, most = Infinity): number {
  let end = start;
  while (end - start < most && isDigit(text.charCodeAt(end))) end += 1;
  return end;
}
