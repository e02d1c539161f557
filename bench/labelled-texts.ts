import { isLuhnValid } from "../src/masks/scan/luhn.ts";
import { hardNegatives, lookAlikes, plantedValues, seededRandom, type Random } from "./planted-values.ts";

/** A part of a text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Label extends Span {
  readonly kind: string;
}

/** A text of which every personal value is known. */
export interface LabelledText {
  readonly text: string;
  readonly planted: readonly Label[];
  /** What nobody can tell from a value by its form; `kind` is what it looks like. */
  readonly ambiguous: readonly Label[];
}

/** What stands between values: words of support notes, logs and mails. */
const words =
  "the customer called again about a payment which failed and asked us to check why login from another device was refused please see ticket before we add more facade deadline cafe be ab".split(
    " ",
  );
const leads = ["", "user ", "from ", "see ", "(", '"', "value=", "id: ", "<", "was ", "- "] as const;
const tails: Readonly<Record<string, string>> = { "(": ")", '"': '"', "<": ">" };

/**
 * Sentences with values of each kind, and with what is easily taken for one. Equal seeds give equal texts. Each text has `parts` parts
 * that are no words, half of them values.
 */
export function labelledTexts(seed: number, count: number, parts: number, wordsBetween: number): readonly LabelledText[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => labelledText(random, parts, wordsBetween));
}

function labelledText(random: Random, parts: number, wordsBetween: number): LabelledText {
  let text = "";
  const planted: Label[] = [];
  const ambiguous: Label[] = [];
  const add = (labels: Label[] | null, kind: string, shown: string, value: string): void => {
    const lead = random.pick(leads);
    const start = text.length + lead.length + shown.indexOf(value);
    labels?.push({ kind, start, end: start + value.length });
    text += `${lead}${shown}${tails[lead] ?? ""}${random.pick([" ", ", ", ". ", "\n", "; "])}`;
  };
  for (let part = 0; part < parts; part += 1) {
    for (let word = random.below(wordsBetween * 2 + 1); word > 0; word -= 1) text += `${random.pick(words)} `;
    const turn = random.below(20);
    if (turn < 10) {
      const { kind, shown, value } = random.pick(plantedValues)(random);
      add(planted, kind, shown, value);
    } else if (turn < 19) {
      const shown = random.pick(hardNegatives)(random);
      // what passes the check of card numbers by chance is told from one by nobody
      const isChance = /^\d{13,19}$/.test(shown) && isLuhnValid(shown);
      add(isChance ? ambiguous : null, "card", shown, shown);
    } else {
      const { kind, shown, value } = random.pick(lookAlikes)(random);
      add(ambiguous, kind, shown, value);
    }
  }
  return { text, planted, ambiguous };
}
