import type { TextColumn } from "../contract/text-column.ts";
import { base64urlAlphabet, base64urlLength } from "./base64url.ts";

/** Two characters of base64url as they lie in memory, for each 12 bits: a table that fits the processor's nearest cache. */
const pairs: Uint16Array = Uint16Array.from({ length: 1 << 12 }, (_, bits) => {
  return base64urlAlphabet.charCodeAt(bits >> 6) | (base64urlAlphabet.charCodeAt(bits & 0x3f) << 8);
});

const wordBytes = 4;

/** The most bytes that are written behind the last character of a text. */
export const base64urlOverrun = 3;

/** Four characters, of three bytes, in the order in which they lie in memory: for `setInt32` with the lowest byte first. */
export function fourCharacters(three: number): number {
  return (pairs[three >> 12] as number) | ((pairs[three & 0xfff] as number) << 16);
}

/**
 * Writes so many bytes in base64url without padding (RFC 4648 section 5), as characters, and up to `base64urlOverrun` bytes of nothing
 * behind them: four characters at a time.
 * @returns how many characters they are
 */
export function writeBase64url(source: DataView, from: number, lengthBytes: number, target: DataView, at: number): number {
  const end = from + lengthBytes;
  let to = at;
  let byte = from;
  // Read by words, of which the last byte is left for the next: that takes a quarter less than byte by byte.
  for (const lastWord = end - wordBytes; byte <= lastWord; byte += 3) {
    target.setInt32(to, fourCharacters(source.getInt32(byte) >>> 8), true);
    to += 4;
  }
  // the bits that no byte fills are zeros
  for (; byte < end; byte += 3) {
    const second = byte + 1 < end ? source.getUint8(byte + 1) << 8 : 0;
    const third = byte + 2 < end ? source.getUint8(byte + 2) : 0;
    target.setInt32(to, fourCharacters((source.getUint8(byte) << 16) | second | third), true);
    to += 4;
  }
  return base64urlLength(lengthBytes);
}

/** Appends such a text as a row. */
export function addBase64url(source: DataView, from: number, lengthBytes: number, texts: TextColumn): void {
  const at = texts.next(base64urlLength(lengthBytes) + base64urlOverrun);
  texts.added(writeBase64url(source, from, lengthBytes, texts.view, at));
}
