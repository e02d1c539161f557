import { type ByteColumn, columnLength } from "./byte-column.ts";

/** ISO/IEC 7816-4 padding: one byte 80, then zeros up to a multiple of 16. At least the one byte always, so that it can be taken off again. */
const blockLengthBytes = 16;
const firstPaddingByte = 0x80;

export function paddedLength(lengthBytes: number): number {
  return (Math.floor(lengthBytes / blockLengthBytes) + 1) * blockLengthBytes;
}

export function padColumn({ bytes, offsets }: ByteColumn): ByteColumn {
  const count = columnLength({ bytes, offsets });
  const padded = new Uint32Array(count + 1);
  const lengthAt = (index: number): number => (offsets[index + 1] as number) - (offsets[index] as number);
  for (let i = 0; i < count; i += 1) padded[i + 1] = (padded[i] as number) + paddedLength(lengthAt(i));
  const column = Buffer.alloc(padded[count] as number);
  for (let i = 0; i < count; i += 1) {
    bytes.copy(column, padded[i], offsets[i], offsets[i + 1]);
    column[(padded[i] as number) + lengthAt(i)] = firstPaddingByte;
  }
  return { bytes: column, offsets: padded };
}

/** null for what `padColumn` does not write: every text has one padding, and every padded text one length. */
export function unpad(bytes: Buffer): Buffer | null {
  if (bytes.length === 0 || bytes.length % blockLengthBytes !== 0) return null;
  let end = bytes.length - 1;
  while (end > bytes.length - blockLengthBytes && bytes[end] === 0) end -= 1;
  return bytes[end] === firstPaddingByte ? bytes.subarray(0, end) : null;
}
