import { copyBlock, wordsPerBlock } from "./block-words.ts";
import { Scratch } from "./scratch.ts";

/** base64url without padding (RFC 4648 section 5). */
export const base64urlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The characters that so many bytes become. */
export function base64urlLength(lengthBytes: number): number {
  return Math.ceil((lengthBytes * 4) / 3);
}

/** Slots of 12 bytes: base64 makes four characters of three bytes, words have four bytes, and here both come out even. */
const slotBytes = 12;
const slotWords = 3;
const slotCharacters = 16;

/**
 * Byte strings that become texts: written side by side, encoded in one call and cut apart. Filled and emptied over and over. Holds
 * nothing that its texts do not show.
 */
export class Base64Column {
  readonly slots: Scratch = new Scratch();
  readonly #leadBytes: number;
  #count = 0;
  /** The first slot of each text. */
  #starts: Uint32Array = new Uint32Array(2);
  /** In characters. */
  #lengths: Uint32Array = new Uint32Array(1);

  /** Before each text's bytes stand `leadBytes`, a multiple of three, that bring them onto words; they are no part of the text. */
  constructor(leadBytes: number) {
    this.#leadBytes = leadBytes;
  }

  /** Begins a column of up to so many texts, with room for so many bytes in all. */
  begin(count: number, bytes: number): void {
    this.#count = 0;
    this.slots.reserve(bytes + (count + 1) * (this.#leadBytes + slotBytes));
    if (count <= this.#lengths.length) return;
    this.#starts = new Uint32Array(count + 1);
    this.#lengths = new Uint32Array(count);
  }

  /** The word where the lead of the next text is to be written, and its bytes behind it. */
  next(): number {
    return (this.#starts[this.#count] as number) * slotWords;
  }

  /** The next text has been written, so many bytes of it. What stands behind them does not matter. */
  add(lengthBytes: number): void {
    const count = this.#count;
    const start = this.#starts[count] as number;
    const length = this.#leadBytes + lengthBytes;
    // The last character can have bits of the two bytes behind the last: those that no byte fills are zeros.
    const end = start * slotBytes + length;
    this.slots.bytes[end] = 0;
    this.slots.bytes[end + 1] = 0;
    this.#lengths[count] = base64urlLength(lengthBytes);
    this.#starts[count + 1] = start + Math.ceil(length / slotBytes);
    this.#count = count + 1;
  }

  /** All of them. They are parts of one text in memory, which lives as long as any of them does. */
  texts(): string[] {
    const count = this.#count;
    const text = this.slots.bytes.toString("base64url", 0, (this.#starts[count] as number) * slotBytes);
    const leadCharacters = base64urlLength(this.#leadBytes);
    // Not by `push`: an array that grows costs more than the texts in it.
    const texts = Array<string>(count).fill("");
    for (let i = 0; i < count; i += 1) {
      const start = (this.#starts[i] as number) * slotCharacters + leadCharacters;
      texts[i] = text.slice(start, start + (this.#lengths[i] as number));
    }
    this.slots.release(0);
    return texts;
  }
}

/** Two slots hold a block of 16 bytes; the rest of them is zeros, and no part of its text. */
const blockSlotWords = 2 * slotWords;
const blockSlotCharacters = 2 * slotCharacters;
const blockCharacters = 22;

/**
 * The texts of a column of 16-byte blocks, given as words. As a Base64Column's, but with nothing to keep of each: all are of one length.
 * @param slots working memory; zeros, and left so
 */
export function textsOfBlocks(blocks: Int32Array, slots: Scratch): string[] {
  const count = blocks.length / wordsPerBlock;
  slots.reserve(count * 2 * slotBytes);
  const { bytes, words } = slots;
  for (let i = 0; i < count; i += 1) copyBlock(words, i * blockSlotWords, blocks, i * wordsPerBlock);
  const text = bytes.toString("base64url", 0, count * 2 * slotBytes);
  const texts = Array<string>(count).fill("");
  for (let i = 0, at = 0; i < count; i += 1, at += blockSlotCharacters) texts[i] = text.slice(at, at + blockCharacters);
  slots.release(count * 2 * slotBytes);
  return texts;
}

/** What each ASCII character is; -1 where it is none of the alphabet. */
const sextets: Int8Array = Int8Array.from({ length: 128 }, (_, code) => base64urlAlphabet.indexOf(String.fromCharCode(code)));

/**
 * Reads the characters of `text` from one place to another into `target`. Strict: of the spellings that decoders take for the same
 * bytes, only the one an encoder writes.
 * @returns how many bytes there were; -1 for any other text
 */
export function readBase64url(text: string, from: number, to: number, target: Uint8Array, at: number): number {
  let next = at;
  let index = from;
  for (; index + 4 <= to; index += 4) {
    // A character that is none makes the whole negative.
    const three =
      (sextet(text, index) << 18) | (sextet(text, index + 1) << 12) | (sextet(text, index + 2) << 6) | sextet(text, index + 3);
    if (three < 0) return -1;
    target[next] = three >> 16;
    target[next + 1] = three >> 8;
    target[next + 2] = three;
    next += 3;
  }
  const over = to - index;
  if (over === 0) return next - at;
  if (over === 1) return -1;
  const rest = (sextet(text, index) << 18) | (sextet(text, index + 1) << 12) | (over === 3 ? sextet(text, index + 2) << 6 : 0);
  // The bits of the last character that no byte takes are zeros.
  if (rest < 0 || (rest & (over === 3 ? 0xff : 0xffff)) !== 0) return -1;
  target[next] = rest >> 16;
  if (over === 3) target[next + 1] = rest >> 8;
  return next - at + over - 1;
}

function sextet(text: string, index: number): number {
  return sextets[text.charCodeAt(index)] ?? -1;
}
