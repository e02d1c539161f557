import { isStorable } from "../../contract/text.ts";
import type { MaskSettings } from "../mask.ts";
import { alphabetOf, codePoints, fewestCharacters, placeholder, smallestDomain } from "./alphabet.ts";

/** An option that cannot be as it is written, and why. */
export interface Ff1Problem {
  readonly option: "alphabet" | "template" | "kind";
  readonly message: string;
}

/**
 * What is wrong with an ff1 mask as it is configured, told before the first value comes; null if nothing is. `max` is the longest text
 * the column lets through (null: any), without which a mask that can take no value at all would go unnoticed.
 */
export function ff1Problem({ alphabet, template }: MaskSettings, max: number | null): Ff1Problem | null {
  const characters = alphabetOf(alphabet);
  const badAlphabet = alphabetProblem(characters);
  if (badAlphabet !== null) return { option: "alphabet", message: badAlphabet };
  if (template === undefined) {
    return max === null || max >= fewestCharacters(characters.length)
      ? null
      : { option: "kind", message: `ff1 cannot take any value here: ${tooFew(characters.length, max)}` };
  }
  const badTemplate = templateProblem(template, characters.length, max);
  return badTemplate === null ? null : { option: "template", message: badTemplate };
}

function alphabetProblem(characters: readonly number[]): string | null {
  if (characters.length < 2) return "has one character: there is nothing to replace it by";
  const twice = characters.find((character, index) => characters.indexOf(character) !== index);
  if (twice !== undefined) return `has ${JSON.stringify(String.fromCodePoint(twice))} twice: two values could have one token`;
  if (characters.some((character) => !standsAlone(String.fromCodePoint(character))))
    return "has a character that is no letter of its own: no spaces, control characters, accents without a letter or half surrogate pairs";
  const joined = characters.some((left) => characters.some((right) => !staysApart(String.fromCodePoint(left, right))));
  return joined ? "has characters that Unicode's form NFC makes one of: a token could come back as another text" : null;
}

/** Not trimmed away, not joined to its neighbour by NFC, and stored by Postgres, wherever in a token it comes to stand. */
function standsAlone(character: string): boolean {
  return isStorable(character) && /^[^\s\p{C}\p{M}]$/u.test(character) && character.normalize("NFC") === character;
}

/** Hangul letters are no marks, and join all the same. */
function staysApart(pair: string): boolean {
  return pair.normalize("NFC") === pair;
}

function templateProblem(template: string, radix: number, max: number | null): string | null {
  if (!isStorable(template) || template.trim().normalize("NFC") !== template)
    return "fits no value: values have no spaces around them, are in Unicode's form NFC, and hold no NUL or half surrogate pairs";
  const form = codePoints(template);
  if (max !== null && form.length > max) return `fits no value: it has ${form.length} characters, and max is ${max}`;
  const replaced = form.filter((character) => character === placeholder).length;
  if (replaced === 0) return "has no #: nothing would be masked";
  return replaced < fewestCharacters(radix) ? `has too few #: ${tooFew(radix, replaced)}` : null;
}

function tooFew(radix: number, characters: number): string {
  const [values, needed] = [radix ** characters, smallestDomain].map((count) => count.toLocaleString("en-US"));
  return `${characters} characters out of ${radix} make ${values} different values, and FF1 needs ${needed} (SP 800-38G r1); use siv`;
}
