import type { MaskSettings } from "../mask.ts";
import { alphabetOf, codePoints, fewestCharacters, placeholder } from "./alphabet.ts";
import { longestNumerals, type NumeralColumn } from "./cipher.ts";

/** Between texts in the form a mask keeps and the numeral strings that FF1 encrypts. */
export interface Ff1Format {
  readonly radix: number;
  /** The numerals of those texts that have the form, and which have not. */
  read(texts: readonly string[]): { readonly column: NumeralColumn; readonly unfit: readonly number[] };
  write(column: NumeralColumn): string[];
  /** The code points of the longest text, given that of any value. */
  longest(maxCodePoints: number | null): number;
}

const asciiCharacters = 0x80;

export function createFf1Format({ alphabet, template }: MaskSettings): Ff1Format {
  const characters = alphabetOf(alphabet);
  const form = template === undefined ? null : codePoints(template);
  const numeralOf = numeralsOf(characters);
  const fewest = fewestCharacters(characters.length);
  const onlyAscii = [...characters, ...(form ?? [])].every((character) => character < asciiCharacters);

  /** Appends the numerals of a text; gives the new end, or -1 where the text has not the form. */
  const readText = (text: string, numerals: Uint16Array, start: number): number => {
    let end = start;
    let index = 0;
    for (let place = 0; form === null ? index < text.length : place < form.length; place += 1) {
      const character = text.codePointAt(index) ?? -1;
      index += character > 0xffff ? 2 : 1;
      const literal = form === null ? placeholder : (form[place] as number);
      if (literal !== placeholder) {
        if (character !== literal) return -1;
        continue;
      }
      const numeral = numeralOf(character);
      if (numeral < 0) return -1;
      numerals[end] = numeral;
      end += 1;
    }
    const length = end - start;
    return index !== text.length || length > longestNumerals || length < fewest ? -1 : end;
  };

  return {
    radix: characters.length,
    read(texts) {
      let units = 0;
      for (const text of texts) units += text.length;
      const numerals = new Uint16Array(units);
      const offsets = new Uint32Array(texts.length + 1);
      const unfit: number[] = [];
      let end = 0;
      let fitting = 0;
      for (let index = 0; index < texts.length; index += 1) {
        const next = readText(texts[index] as string, numerals, end);
        if (next < 0) unfit.push(index);
        else offsets[(fitting += 1)] = end = next;
      }
      return { column: { numerals: numerals.subarray(0, end), offsets: offsets.subarray(0, fitting + 1) }, unfit };
    },
    write: (column) => (onlyAscii ? writeAscii(column, characters, form) : writeAny(column, characters, form)),
    longest: (maxCodePoints) => form?.length ?? Math.min(maxCodePoints ?? longestNumerals, longestNumerals),
  };
}

/** -1 for what is not in the alphabet. */
function numeralsOf(characters: readonly number[]): (character: number) => number {
  const ascii = new Int16Array(asciiCharacters).fill(-1);
  const others = new Map<number, number>();
  characters.forEach((character, numeral) => {
    if (character < asciiCharacters) ascii[character] = numeral;
    else others.set(character, numeral);
  });
  return (character) => (character < asciiCharacters ? (ascii[character] ?? -1) : (others.get(character) ?? -1));
}

/** All texts of the column as one run of bytes, decoded in one call and cut apart. */
function writeAscii(column: NumeralColumn, characters: readonly number[], form: readonly number[] | null): string[] {
  const { numerals, offsets } = column;
  const codes = Uint8Array.from(characters);
  if (form !== null) return writeForms(numerals, codes, form, offsets.length - 1);
  const bytes = Buffer.allocUnsafe(numerals.length);
  for (let i = 0; i < numerals.length; i += 1) bytes[i] = codes[numerals[i] as number] as number;
  const text = bytes.toString("latin1");
  const texts: string[] = [];
  for (let i = 0; i + 1 < offsets.length; i += 1) texts.push(text.slice(offsets[i], offsets[i + 1]));
  return texts;
}

/** The same, each text in the form of a template. */
function writeForms(numerals: Uint16Array, codes: Uint8Array, form: readonly number[], count: number): string[] {
  const width = form.length;
  const bytes = Buffer.allocUnsafe(count * width);
  for (let at = 0, next = 0; at < bytes.length; at += width) {
    for (let place = 0; place < width; place += 1) {
      const literal = form[place] as number;
      bytes[at + place] = literal === placeholder ? (codes[numerals[next++] as number] as number) : literal;
    }
  }
  const text = bytes.toString("latin1");
  const texts: string[] = [];
  for (let at = 0; at < text.length; at += width) texts.push(text.slice(at, at + width));
  return texts;
}

function writeAny({ numerals, offsets }: NumeralColumn, characters: readonly number[], form: readonly number[] | null): string[] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => {
    const replaced = Array.from(numerals.subarray(offsets[i], offsets[i + 1]), (numeral) => characters[numeral] as number);
    let next = 0;
    const text =
      form === null ? replaced : form.map((literal) => (literal === placeholder ? (replaced[next++] as number) : literal));
    return String.fromCodePoint(...text);
  });
}
