/** Alphabets that have a name. The order of the characters is part of every token. */
const namedAlphabets: Readonly<Record<string, string>> = {
  digits: "0123456789",
  hex: "0123456789abcdef",
  lowercase: "abcdefghijklmnopqrstuvwxyz",
  uppercase: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  base36: "0123456789abcdefghijklmnopqrstuvwxyz",
  base62: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
};

export const defaultAlphabet = "digits";

/** The code points of an alphabet in their order, from its name or written out. Digits where none is given. */
export function alphabetOf(written: string = defaultAlphabet): readonly number[] {
  return codePoints(Object.hasOwn(namedAlphabets, written) ? (namedAlphabets[written] as string) : written);
}

export function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) as number);
}

/** What stands in a template for a character of the alphabet. */
export const placeholder: number = 0x23; // #

/**
 * SP 800-38G r1 (second public draft, 2025) makes it a requirement: on fewer different values FF1 is open to published attacks, and
 * whoever may ask for tokens has them all at once.
 */
export const smallestDomain = 1_000_000;

/** The fewest characters that make so many different values. */
export function fewestCharacters(radix: number): number {
  let characters = 1;
  while (radix ** characters < smallestDomain) characters += 1;
  return characters;
}
