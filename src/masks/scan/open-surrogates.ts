import type { ReversibleMask } from "../mask.ts";
import { findSurrogates, unescapeOpenings } from "./surrogate.ts";

/** A text with the values put back. */
export interface OpenedText {
  readonly text: string;
  readonly opened: number;
  /** Surrogates of this domain that did not open (another key, a forgery); they are left as they are. */
  readonly left: number;
}

/**
 * Puts the values back into a column of texts, wherever a surrogate of the mask's domain opens. The result is the text that came in,
 * with findings in their canonical form. To be done once: in the result nothing that looks like a surrogate is told from one.
 */
export function openSurrogates(mask: ReversibleMask, texts: readonly string[]): OpenedText[] {
  const surrogates = texts.map((text) => findSurrogates(text).filter(({ domain }) => domain === mask.definition.domain));
  const values = mask.open(surrogates.flatMap((found) => found.map(({ token }) => token)));
  let used = 0;
  return texts.map((text, index) => {
    let restored = "";
    let from = 0;
    let opened = 0;
    for (const { start, end } of surrogates[index] ?? []) {
      const value = values[used];
      used += 1;
      if (value === undefined || "failure" in value) continue;
      restored += unescapeOpenings(text.slice(from, start)) + value.value;
      from = end;
      opened += 1;
    }
    return { text: restored + unescapeOpenings(text.slice(from)), opened, left: (surrogates[index]?.length ?? 0) - opened };
  });
}
