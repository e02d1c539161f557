import { alphabetOf, codePoints, fewestCharacters, placeholder } from "../masks/ff1/alphabet.ts";
import type { MaskDefinition } from "../masks/mask.ts";

const dayMs = 86_400_000;
const typicalFf1 = 9;

/** Different canonical values that a mask takes, as somebody who tries them would make: to measure how fast that is. */
export function candidatesFor(
  { kind, type, settings }: Pick<MaskDefinition, "kind" | "type" | "settings">,
  count: number,
): string[] {
  const make = kind === "ff1" ? ff1Value(settings.alphabet, settings.template) : makers[type];
  return Array.from({ length: count }, (_, i) => make(i));
}

const makers: Readonly<Record<MaskDefinition["type"], (i: number) => string>> = {
  text: (i) => `device-${String(i).padStart(9, "0")}`,
  integer: String,
  number: String,
  boolean: (i) => String(i % 2 === 0),
  uuid: (i) => `00000000-0000-4000-8000-${i.toString(16).padStart(12, "0")}`,
  ip: (i) => `203.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
  email: (i) => `someone.${i}@example.org`,
  date: (i) => new Date((i % 20_000) * dayMs).toISOString().slice(0, 10),
  timestamp: (i) => `${new Date(1.7e12 + i * 1_000).toISOString().slice(0, 19)}Z`,
  version: String,
  json: String,
};

/** Counts up in the mask's own alphabet. */
function ff1Value(written: string | undefined, template: string | undefined): (i: number) => string {
  const alphabet = alphabetOf(written);
  const form = template === undefined ? null : codePoints(template);
  const places =
    form?.filter((character) => character === placeholder).length ?? Math.max(typicalFf1, fewestCharacters(alphabet.length));
  return (i) => {
    const digits: number[] = [];
    for (let rest = i, place = 0; place < places; place += 1, rest = Math.floor(rest / alphabet.length))
      digits.unshift(alphabet[rest % alphabet.length] as number);
    let next = 0;
    const text = form === null ? digits : form.map((literal) => (literal === placeholder ? (digits[next++] as number) : literal));
    return String.fromCodePoint(...text);
  };
}
