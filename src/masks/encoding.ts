import { isAscii, isUtf8 } from "node:buffer";

import { canonicalForms } from "../contract/canonical.ts";
import { lengthBytes, type TextColumn } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";
import { blockLengthBytes } from "./aes-block.ts";
import { type ByteColumn, bytesAt } from "./byte-column.ts";
import type { MaskDefinition, MaskEncoding } from "./mask.ts";
import { packedForms, packedLengthBytes } from "./packed-forms.ts";
import { paddedLength, unpad, writePadding } from "./padding.ts";

/** Between the values of a column and the bytes that are masked. */
export interface Encoding {
  /** Fills `column` with the bytes of the values. */
  encode(values: readonly string[], column: ByteColumn): void;
  /** The same with the texts of another column, but for those that are not there. */
  encodeColumn(texts: TextColumn, column: ByteColumn): void;
  /** Reads the values of a column, by their places; null for bytes that `encode` never writes. */
  decode(column: ByteColumn): (index: number) => string | null;
  /** The most bytes a text of this many code points becomes; null when there is no bound. */
  longestBytes(maxCodePoints: number | null): number | null;
}

/** `packed` for the types that have such a form, `text` for all others. */
export function defaultEncoding(type: MaskDefinition["type"]): MaskEncoding {
  return packedForms[type] === undefined ? "text" : "packed";
}

export function createEncoding({ type, encode }: MaskDefinition): Encoding {
  switch (encode) {
    case "packed":
      return packedEncoding(type);
    case "pad16":
      return paddedEncoding(type);
    case "text":
      return textEncoding(type);
  }
}

function textEncoding(type: MaskDefinition["type"]): Encoding {
  return {
    encode(values, column) {
      column.begin(values.length);
      for (const value of values) column.add(writeText(value, column));
    },
    encodeColumn(texts, column) {
      column.begin(texts.count);
      for (let row = 0; row < texts.count; row += 1) if (!texts.isNull(row)) column.add(copyText(texts, row, column));
    },
    decode(column) {
      const text = asciiOf(column);
      return (index) => {
        if (text === null) return textOf(bytesAt(column, index));
        const start = (column.starts[index] as number) * blockLengthBytes;
        return text.slice(start, start + (column.lengths[index] as number));
      };
    },
    longestBytes: (maxCodePoints) => longestText(type, maxCodePoints),
  };
}

function paddedEncoding(type: MaskDefinition["type"]): Encoding {
  return {
    encode(values, column) {
      column.begin(values.length);
      for (const value of values) {
        const length = writeText(value, column);
        column.add(writePadding(column.blocks.bytes, column.blockCount * blockLengthBytes, length));
      }
    },
    encodeColumn(texts, column) {
      column.begin(texts.count);
      for (let row = 0; row < texts.count; row += 1) {
        if (texts.isNull(row)) continue;
        const length = copyText(texts, row, column);
        column.add(writePadding(column.blocks.bytes, column.blockCount * blockLengthBytes, length));
      }
    },
    decode: (column) => (index) => {
      const text = unpad(bytesAt(column, index));
      return text === null ? null : textOf(text);
    },
    longestBytes(maxCodePoints) {
      const longest = longestText(type, maxCodePoints);
      return longest === null ? null : paddedLength(longest);
    },
  };
}

function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString() : null;
}

/** All bytes of a column as one text, where every one is ASCII; null for any other. */
function asciiOf({ blocks, blockCount }: ByteColumn): string | null {
  const bytes = blocks.bytes.subarray(0, blockCount * blockLengthBytes);
  return isAscii(bytes) ? bytes.toString("latin1") : null;
}

/** Above this the runtime's own encoder is faster than a loop. */
const shortText = 24;
/** Above this, in bytes, its copier is. */
const longText = 64;

const wordBytes = 4;
const wordShift = 2;
/** In which the machine keeps its words: read so, a word is what stands there. */
const isLittleEndian: boolean = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Copies a text of another column as the next value of a column. @returns its length in bytes */
function copyText({ bytes, ends, view }: TextColumn, row: number, column: ByteColumn): number {
  const start = (ends[row] as number) + lengthBytes;
  const length = (ends[row + 1] as number) - start;
  const at = column.next(length);
  const { bytes: target, words } = column.blocks;
  if (length > longText) {
    bytes.copy(target, at, start, start + length);
    return length;
  }
  let index = 0;
  // a value begins on a block, and so on a word
  for (; index + wordBytes <= length; index += wordBytes)
    words[(at + index) >> wordShift] = view.getInt32(start + index, isLittleEndian);
  for (; index < length; index += 1) target[at + index] = bytes[start + index] as number;
  return length;
}

/** Writes the UTF-8 of a text as the next value of a column. @returns its length in bytes */
function writeText(value: string, column: ByteColumn): number {
  return value.length <= shortText && writeAscii(value, column) ? value.length : writeUtf8(value, column);
}

function writeAscii(value: string, column: ByteColumn): boolean {
  const { length } = value;
  const at = column.next(length);
  const { bytes } = column.blocks;
  let codes = 0;
  let index = 0;
  // Four at a time takes a sixth less.
  for (; index + 4 <= length; index += 4) {
    const first = value.charCodeAt(index);
    const second = value.charCodeAt(index + 1);
    const third = value.charCodeAt(index + 2);
    const fourth = value.charCodeAt(index + 3);
    bytes[at + index] = first;
    bytes[at + index + 1] = second;
    bytes[at + index + 2] = third;
    bytes[at + index + 3] = fourth;
    codes |= first | second | third | fourth;
  }
  for (; index < length; index += 1) {
    const code = value.charCodeAt(index);
    bytes[at + index] = code;
    codes |= code;
  }
  return codes < 0x80;
}

function writeUtf8(value: string, column: ByteColumn): number {
  const at = column.next(value.length * longestUtf8UnitBytes);
  const length = column.blocks.bytes.write(value, at);
  // UTF-8 has no lone surrogates: all of them would become U+FFFD, and unequal values one token.
  if (length !== value.length && !value.isWellFormed())
    throw new MasklineError("internal", "a text with half a surrogate pair reached its mask");
  return length;
}

/** Of a code unit of UTF-16; a pair of them is four bytes. */
const longestUtf8UnitBytes = 3;
const longestUtf8CodePointBytes = 4;

/** What the type allows or what so many code points can be, whichever is less. */
function longestText(type: MaskDefinition["type"], maxCodePoints: number | null): number | null {
  const { longest } = canonicalForms[type];
  if (maxCodePoints === null) return longest;
  return Math.min(longest ?? Infinity, maxCodePoints * longestUtf8CodePointBytes);
}

function packedEncoding(type: MaskDefinition["type"]): Encoding {
  const form = packedForms[type];
  if (form === undefined) throw new MasklineError("internal", `a column of type ${type} has no packed form`);
  const unfit = (): MasklineError => new MasklineError("internal", `a value that is no ${type} reached its mask`);
  return {
    encode(values, column) {
      column.begin(values.length);
      for (const value of values) {
        const at = column.next(packedLengthBytes);
        if (!form.pack(value, column.blocks.bytes, at)) throw unfit();
        column.add(packedLengthBytes);
      }
    },
    encodeColumn(texts, column) {
      column.begin(texts.count);
      const { bytes, ends } = texts;
      for (let row = 0; row < texts.count; row += 1) {
        if (texts.isNull(row)) continue;
        const at = column.next(packedLengthBytes);
        const start = (ends[row] as number) + lengthBytes;
        if (!form.packBytes(bytes, start, ends[row + 1] as number, column.blocks.bytes, at)) throw unfit();
        column.add(packedLengthBytes);
      }
    },
    decode: (column) => (index) => (column.lengths[index] === packedLengthBytes ? form.unpack(bytesAt(column, index)) : null),
    longestBytes: () => packedLengthBytes,
  };
}
