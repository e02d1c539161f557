import { formatIp, parseIp } from "../../contract/ip.ts";
import { isDigit, isHexDigit, isWord } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";

const colon = 0x3a;
const dot = 0x2e;
/** Seven groups and eight colons with an IPv4 address behind them is 45; a label or a port beside it adds a group. */
const longestRun = 60;
const longestGroup = 4;

/**
 * IPv6 addresses in every form of RFC 4291 section 2.2. A run of hex digits and colons is an address as a whole, or without a label
 * before it (`src:`) or a port behind it (`:443`); parts of longer runs (fingerprints, MAC addresses, times) are none.
 */
export const ipv6Detector: Detector = {
  kind: "ip",
  open: (text) => (from) => nextIpv6(text, from),
  shortest: 3,
  longest: 45,
  // `1::3:4:5:6:7:8` is one character longer in its canonical form.
  longestValueBytes: (codePoints) => Math.min(codePoints + 1, 39),
};

function nextIpv6(text: string, from: number): Finding | null {
  let at = text.indexOf(":", from);
  while (at >= 0) {
    let start = at;
    while (start > from && at - start <= longestGroup && isHexDigit(text.charCodeAt(start - 1))) start -= 1;
    // a word that ends in hex digits is a label
    if (isWord(text.charCodeAt(start - 1))) start = at + 1;
    let end = at;
    while (isHexDigit(text.charCodeAt(end)) || text.charCodeAt(end) === colon) end += 1;
    const finding = end - start <= longestRun ? readRun(text, start, end) : null;
    if (finding !== null) return finding;
    at = text.indexOf(":", end);
  }
  return null;
}

function readRun(text: string, runStart: number, runEnd: number): Finding | null {
  const start = isSingleColon(text, runStart, runStart + 1) ? runStart + 1 : runStart;
  const quadEnd = endOfQuad(text, runEnd);
  const whole = quadEnd > runEnd ? readAddress(text, start, quadEnd) : null;
  if (whole !== null) return whole;
  const end = isSingleColon(text, runEnd - 1, runEnd - 2) ? runEnd - 1 : runEnd;
  const firstColon = text.indexOf(":", start);
  const lastColon = text.lastIndexOf(":", end - 1);
  // A label that happens to be hex digits (`add:`) has letters only; the first group of most addresses has a digit.
  const isLabel = isSingleColon(text, firstColon, firstColon + 1) && /^[a-f]+$/i.test(text.slice(start, firstColon));
  return (
    readAddress(text, start, end) ??
    (isLabel ? readAddress(text, firstColon + 1, end) : null) ??
    (isSingleColon(text, lastColon, lastColon - 1) ? readAddress(text, start, lastColon) : null)
  );
}

/** The end of the dotted part of an IPv4 address whose first number stands before `at`; `at` when there is none. */
function endOfQuad(text: string, at: number): number {
  let end = at;
  while (end - at < 12 && text.charCodeAt(end) === dot && isDigit(text.charCodeAt(end + 1))) {
    end += 2;
    while (isDigit(text.charCodeAt(end)) && end - at < 12) end += 1;
  }
  return end;
}

function isSingleColon(text: string, at: number, neighbour: number): boolean {
  return text.charCodeAt(at) === colon && text.charCodeAt(neighbour) !== colon;
}

function readAddress(text: string, start: number, end: number): Finding | null {
  // `::` alone is punctuation far more often than the unspecified address
  if (end - start < 3 || isWord(text.charCodeAt(end))) return null;
  const shown = text.slice(start, end);
  const address = shown.includes(":") ? parseIp(shown) : null;
  return address === null ? null : { kind: "ip", start, end, value: formatIp(address) };
}
