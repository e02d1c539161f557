import { isHexDigit, isWord } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";

const length = 36;
const hyphen = 0x2d;
const hyphens: ReadonlySet<number> = new Set([8, 13, 18, 23]);

/** UUIDs with hyphens, of any version. 32 hex digits without hyphens are a hash or a trace id as often, and are left alone. */
export const uuidDetector: Detector = {
  kind: "uuid",
  open: (text) => (from) => nextUuid(text, from),
  shortest: length,
  longest: length,
  longestValueBytes: () => length,
};

function nextUuid(text: string, from: number): Finding | null {
  for (let at = text.indexOf("-", from + 8); at >= 0; at = text.indexOf("-", at + 1)) {
    const start = at - 8;
    const end = start + length;
    if (!isUuid(text, start) || isWord(text.charCodeAt(start - 1)) || isWord(text.charCodeAt(end))) continue;
    return { kind: "uuid", start, end, value: text.slice(start, end).toLowerCase() };
  }
  return null;
}

function isUuid(text: string, start: number): boolean {
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(start + index);
    if (hyphens.has(index) ? code !== hyphen : !isHexDigit(code)) return false;
  }
  return true;
}
