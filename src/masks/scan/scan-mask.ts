import { MasklineError } from "../../errors.ts";
import { canRecognise, type ColumnMask, type Mask, type MaskKind, type TextMask } from "../mask.ts";
import { onTexts } from "../on-texts.ts";
import type { Detector, Finding } from "./detector.ts";
import { createDetectors, type Sought } from "./detectors.ts";
import { createScanner, type Scanner } from "./scanner.ts";
import { escapeOpenings, openingLength, surrogateFrame, surrogateWriter } from "./surrogate.ts";

/** The masks whose tokens can stand in a text: those that need no format and keep equal values equal. */
export const scanningKinds: readonly MaskKind[] = ["siv", "hmac", "cmac"];

/**
 * Masks what is found in texts, and leaves the rest as it was sent. The mask is called once a batch, with the canonical values of all
 * findings: tokens are those of a plain column of texts of the same domain.
 */
export function createScanMask(sought: readonly Sought[], mask: Mask): ColumnMask {
  const { domain } = mask.definition;
  if (domain === null) throw new MasklineError("internal", "findings in a text are masked without a domain");
  const detectors = createDetectors(sought);
  const scan = createScanner(detectors);
  const holdsPatterns = sought.some((entry) => typeof entry !== "string");
  const write = surrogateWriter(domain);
  return onTexts<TextMask<ColumnMask>>({
    form: "token",
    apply(texts) {
      const findings = texts.map(scan);
      const tokens = mask.apply(findings.flatMap((found) => found.map(({ value }) => value)));
      let used = 0;
      return texts.map((text, index) => {
        const found = findings[index] ?? [];
        const replaced = replaceFindings(text, found, (which) => write(tokens[used + which] as string));
        used += found.length;
        return replaced;
      });
    },
    ...(canRecognise(mask)
      ? {
          recognises: (texts: readonly string[]) =>
            recogniseInside(texts, holdsPatterns ? scan : null, (values) => mask.recognises(values)),
        }
      : {}),
    longestToken: (maxCodePoints) => longestScanned(maxCodePoints, detectors, mask, surrogateFrame(domain)),
  });
}

function replaceFindings(text: string, findings: readonly Finding[], surrogate: (which: number) => string): string {
  let replaced = "";
  let from = 0;
  findings.forEach(({ start, end }, which) => {
    replaced += escapeOpenings(text.slice(from, start)) + surrogate(which);
    from = end;
  });
  return replaced + escapeOpenings(text.slice(from));
}

/** Runs of the characters of tokens, 128 bits at least: a token in a surrogate is one, and mostly one that stands by itself. */
const runs = /[A-Za-z0-9_-]{22,}/g;
/** In a finding a token may also be written with the Kelvin sign, which NFC makes a K. */
const holdsRun = /[A-Za-z0-9_\-\u212a]{22}/;

/**
 * For each text, whether it holds a token of ours in a surrogate, as a whole run, or as what a pattern finds: whoever saw one must not
 * have it opened out of a text of his own. A token with more characters of its kind beside it stays: nothing opens what is no surrogate
 * of ours.
 * @param scan null where no finding can be a token, because none has such a form
 */
function recogniseInside(
  texts: readonly string[],
  scan: Scanner | null,
  recognise: (values: readonly string[]) => boolean[],
): boolean[] {
  const recognised = texts.map(() => false);
  const places: number[] = [];
  const values: string[] = [];
  const ask = (index: number, value: string): void => {
    places.push(index);
    values.push(value);
  };
  texts.forEach((text, index) => {
    for (const [run] of text.matchAll(runs)) ask(index, run);
    if (scan !== null && holdsRun.test(text)) for (const { value } of scan(text)) ask(index, value);
  });
  recognise(values).forEach((ours, index) => {
    if (ours) recognised[places[index] as number] = true;
  });
  return recognised;
}

const longestByItself = 1_024;
const stride = 1 / 64;

/**
 * A text of n characters grows at most as if it were all of that finding, or escape, which adds the most to each character it replaces:
 * findings do not overlap, and so share the n characters among them.
 */
function longestScanned(max: number | null, detectors: readonly Detector[], mask: Mask, frame: number): number | null {
  if (max === null) return null;
  let growth = 1 / openingLength;
  for (const { shortest, longest, longestValueBytes } of detectors) {
    const most = Math.min(longest ?? max, max);
    for (let length = shortest, last = 0; length <= most && last < most; length = last + 1) {
      // Long findings in strides, each as if its shortest had the token of its longest: there is no end to what `max` may be.
      last = Math.min(length < longestByItself ? length : Math.floor(length * (1 + stride)), most);
      // a mask counts code points at their largest, four bytes
      const token = mask.longestToken(Math.ceil(longestValueBytes(last) / 4));
      if (token === null) return null;
      growth = Math.max(growth, (frame + token - length) / length);
    }
  }
  return Math.floor(max * (1 + growth));
}
