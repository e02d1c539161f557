import { blockLengthBytes } from "./aes-block.ts";

/** ISO/IEC 7816-4 padding: one byte 80, then zeros up to a multiple of 16. At least the one byte always, so that it can be taken off again. */
const firstPaddingByte = 0x80;

export function paddedLength(lengthBytes: number): number {
  return (Math.floor(lengthBytes / blockLengthBytes) + 1) * blockLengthBytes;
}

/** Pads the value that begins at `start`, with zeros behind it. @returns its length now */
export function writePadding(bytes: Uint8Array, start: number, lengthBytes: number): number {
  bytes[start + lengthBytes] = firstPaddingByte;
  return paddedLength(lengthBytes);
}

/** null for what is never written: every value has one padding, and every padded value one length. */
export function unpad(bytes: Buffer): Buffer | null {
  if (bytes.length === 0 || bytes.length % blockLengthBytes !== 0) return null;
  let end = bytes.length - 1;
  while (end > bytes.length - blockLengthBytes && bytes[end] === 0) end -= 1;
  return bytes[end] === firstPaddingByte ? bytes.subarray(0, end) : null;
}
