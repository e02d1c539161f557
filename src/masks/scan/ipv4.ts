import { isDigit, isWord } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";

const dot = 0x2e;

/**
 * IPv4 addresses: four numbers up to 255 with dots between them, no more and no fewer, and no letter or digit beside them (1.2.3.4.5
 * and v10.2.3.4 are versions). Octets may have leading zeros here: a contract refuses those as ambiguous, a text cannot be refused.
 */
export const ipv4Detector: Detector = {
  kind: "ip",
  open: (text) => (from) => nextIpv4(text, from),
  shortest: 7,
  longest: 15,
  longestValueBytes: (codePoints) => codePoints,
};

function nextIpv4(text: string, from: number): Finding | null {
  for (let at = text.indexOf(".", from); at >= 0; at = text.indexOf(".", at + 1)) {
    let start = at;
    while (start > from && at - start < 4 && isDigit(text.charCodeAt(start - 1))) start -= 1;
    if (start === at || isInsideNumber(text, start)) continue;
    const finding = readQuad(text, start);
    if (finding !== null) return finding;
  }
  return null;
}

function isInsideNumber(text: string, start: number): boolean {
  const before = text.charCodeAt(start - 1);
  return isWord(before) || (before === dot && isDigit(text.charCodeAt(start - 2)));
}

function readQuad(text: string, start: number): Finding | null {
  const octets: number[] = [];
  let at = start;
  for (;;) {
    const octetStart = at;
    let octet = 0;
    while (at - octetStart < 4 && isDigit(text.charCodeAt(at))) {
      octet = octet * 10 + text.charCodeAt(at) - 0x30;
      at += 1;
    }
    const digits = at - octetStart;
    if (digits < 1 || digits > 3 || octet > 255) return null;
    octets.push(octet);
    if (octets.length === 4) break;
    if (text.charCodeAt(at) !== dot) return null;
    at += 1;
  }
  const after = text.charCodeAt(at);
  if (isWord(after) || (after === dot && isDigit(text.charCodeAt(at + 1)))) return null;
  return { kind: "ip", start, end: at, value: octets.join(".") };
}
