import { isDash, isDigit, isWord, otherDashes } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";

const length = 11;

/** Digits as NNN-NN-NNNN, with a border on both sides that continues no number. Whether such a number was ever given out is not asked. */
export const ssnShapeDetector: Detector = {
  kind: "ssn-shape",
  open(text) {
    const hasOther = otherDashes.test(text);
    return (from) => nextNumber(text, from, hasOther);
  },
  shortest: length,
  longest: length,
  longestValueBytes: () => length,
};

function nextNumber(text: string, from: number, hasOther: boolean): Finding | null {
  let dash = nextDash(text, from + 3, hasOther);
  while (dash >= 0) {
    const finding = readNumber(text, dash - 3);
    if (finding !== null) return finding;
    dash = nextDash(text, dash + 1, hasOther);
  }
  return null;
}

/** Where the text has hyphens only, the runtime's own search is the fastest. */
function nextDash(text: string, from: number, hasOther: boolean): number {
  if (!hasOther) return text.indexOf("-", from);
  for (let at = from; at < text.length; at += 1) if (isDash(text.charCodeAt(at))) return at;
  return -1;
}

function readNumber(text: string, start: number): Finding | null {
  let digits = "";
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(start + index);
    if (index === 3 || index === 6 ? !isDash(code) : !isDigit(code)) return null;
    if (isDigit(code)) digits += text[start + index] as string;
  }
  const end = start + length;
  if (continuesNumber(text, start - 1, start - 2) || continuesNumber(text, end, end + 1)) return null;
  return { kind: "ssn-shape", start, end, value: `${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)}` };
}

/** Whether what stands at `at`, with `beyond` behind it as seen from the number, makes the number longer. */
export function continuesNumber(text: string, at: number, beyond: number): boolean {
  const code = text.charCodeAt(at);
  return isWord(code) || (isDash(code) && isDigit(text.charCodeAt(beyond)));
}
