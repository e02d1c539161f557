import { MasklineError } from "../errors.ts";

/** A column of byte strings, end to end. Value `i` is `bytes[offsets[i] .. offsets[i + 1]]`. */
export interface ByteColumn {
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
}

export function columnLength(column: ByteColumn): number {
  return column.offsets.length - 1;
}

/** The UTF-8 of each text. */
export function textColumn(values: readonly string[]): ByteColumn {
  const joined = values.join("");
  const bytes = Buffer.from(joined);
  // As many bytes as UTF-16 units: all ASCII, and the texts' lengths are the values' lengths. One encoding call for the whole column.
  if (bytes.length === joined.length) return { bytes, offsets: offsetsOf(values, (value) => value.length) };
  // Not from `joined`: a lone surrogate at the end of one value would pair with one at the start of the next.
  return joinBytes(values.map(wellFormedUtf8));
}

/** Copies byte strings end to end. */
export function joinBytes(values: readonly Uint8Array[]): ByteColumn {
  return { bytes: Buffer.concat(values), offsets: offsetsOf(values, (value) => value.length) };
}

export function bytesAt(column: ByteColumn, index: number): Buffer {
  return column.bytes.subarray(column.offsets[index], column.offsets[index + 1]);
}

function offsetsOf<T>(values: readonly T[], lengthOf: (value: T) => number): Uint32Array {
  const offsets = new Uint32Array(values.length + 1);
  let end = 0;
  values.forEach((value, index) => {
    end += lengthOf(value);
    offsets[index + 1] = end;
  });
  return offsets;
}

function wellFormedUtf8(value: string): Buffer {
  // UTF-8 has no lone surrogates: all of them would become U+FFFD, and unequal values one token.
  if (!value.isWellFormed()) throw new MasklineError("internal", "a text with half a surrogate pair reached its mask");
  return Buffer.from(value);
}
