import { dashes, isDash, isDigit, isWord } from "./characters.ts";
import type { Detector, Finding } from "./detector.ts";

const length = 11;

/** Digits as NNN-NN-NNNN, with a border on both sides that continues no number. Whether such a number was ever given out is not asked. */
export const ssnShapeDetector: Detector = {
  kind: "ssn-shape",
  open(text) {
    const dash = new RegExp(`[${dashes}]`, "g");
    return (from) => {
      dash.lastIndex = from + 3;
      while (dash.test(text)) {
        const finding = readNumber(text, dash.lastIndex - 4);
        if (finding !== null) return finding;
      }
      return null;
    };
  },
  shortest: length,
  longest: length,
  longestValueBytes: () => length,
};

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
