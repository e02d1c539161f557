import { readEmail } from "../../contract/email.ts";
import { isWord } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";

/** Looked at on each side of the @. RFC 5321 allows 64 before it and, in all, 254. */
const longestPart = 254;

/**
 * E-mail addresses, as people write them in a text: letters, digits and `. _ % + -` (an apostrophe inside) before the @, a domain with
 * a dot behind it. Letters may be Latin, Greek or Cyrillic: other scripts are written up to the address without a space.
 */
export const emailDetector: Detector = {
  kind: "email",
  open: (text) => (from) => nextEmail(text, from),
  shortest: "a@b.co".length,
  longest: 2 * longestPart + 1,
  // The DNS form of a label of one letter can have 63 characters; an address that has no canonical form stays as it is.
  longestValueBytes: (codePoints) => Math.max(Math.min(32 * codePoints + 64, 64 + longestPart), 4 * codePoints),
};

function nextEmail(text: string, from: number): Finding | null {
  for (let at = text.indexOf("@", from); at >= 0; at = text.indexOf("@", at + 1)) {
    const start = startOfLocalPart(text, from, at);
    if (start === at) continue;
    const end = endOfDomain(text, at + 1);
    if (end > at) return { kind: "email", start, end, value: canonicalEmail(text.slice(start, end)) };
  }
  return null;
}

/** An address that the contract would refuse (two dots in a row, an underscore in the domain) is masked as it stands. */
function canonicalEmail(shown: string): string {
  const email = readEmail(shown);
  if (typeof email === "string") return email;
  const at = shown.indexOf("@");
  return (shown.slice(0, at) + shown.slice(at).toLowerCase()).normalize("NFC");
}

function startOfLocalPart(text: string, from: number, at: number): number {
  let start = at;
  while (start > from && at - start < longestPart && isInLocalPart(text, start - 1, from)) start -= 1;
  // What comes before two dots is a sentence that ends in an ellipsis; a dot or hyphen at the start is a bullet.
  const ellipsis = text.slice(start, at).lastIndexOf("..");
  if (ellipsis >= 0) start += ellipsis + 2;
  while (start < at && (text[start] === "." || text[start] === "-")) start += 1;
  return start;
}

function isInLocalPart(text: string, at: number, from: number): boolean {
  const code = text.charCodeAt(at);
  if (isWord(code) || isLetter(code)) return true;
  // o'brien; a quotation mark has no letter before it
  if (code === 0x27) return at > from && (isWord(text.charCodeAt(at - 1)) || isLetter(text.charCodeAt(at - 1)));
  return code === 0x2e || code === 0x5f || code === 0x25 || code === 0x2b || code === 0x2d;
}

/** The end of the domain that starts at `start`; -1 if there is none. */
function endOfDomain(text: string, start: number): number {
  let end = start;
  while (end - start < longestPart && isInDomain(text.charCodeAt(end))) {
    if (text[end] === "." && text[end + 1] === ".") break;
    end += 1;
  }
  for (;;) {
    while (end > start && !isWord(text.charCodeAt(end - 1)) && !isLetter(text.charCodeAt(end - 1))) end -= 1;
    const lastDot = start + text.slice(start, end).lastIndexOf(".");
    if (lastDot <= start) return -1;
    if (isTopLevel(text, lastDot + 1, end)) return end;
    end = lastDot;
  }
}

function isInDomain(code: number): boolean {
  return isWord(code) || isLetter(code) || code === 0x2e || code === 0x2d || code === 0x5f;
}

/** Two characters or more that start with a letter: the last label of an IPv4 address or a version does not. */
function isTopLevel(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start);
  return end - start >= 2 && (isWord(first) || isLetter(first)) && !(first >= 0x30 && first <= 0x39);
}

/** Latin, Greek and Cyrillic letters beyond ASCII, and the marks above them. */
function isLetter(code: number): boolean {
  if (code < 0xc0) return false;
  return (
    (code <= 0x24f && code !== 0xd7 && code !== 0xf7) || (code >= 0x300 && code <= 0x52f) || (code >= 0x1e00 && code <= 0x1fff)
  );
}
