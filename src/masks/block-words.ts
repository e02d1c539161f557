import { blockLengthBytes } from "./aes-block.ts";

/** Blocks are xored and copied by words of four bytes, in the machine's own byte order: neither depends on it. */
export const wordsPerBlock: number = blockLengthBytes / Int32Array.BYTES_PER_ELEMENT;

/** The same memory as words; a copy where it does not lie on a word's border. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % Int32Array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / Int32Array.BYTES_PER_ELEMENT);
}

/** The same memory, to be read anywhere. */
export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Xors one block into another; both by the place of their first word. Written out: a loop here doubles the time of a mask. */
export function xorBlock(target: Int32Array, to: number, source: Int32Array, from: number): void {
  target[to] = (target[to] as number) ^ (source[from] as number);
  target[to + 1] = (target[to + 1] as number) ^ (source[from + 1] as number);
  target[to + 2] = (target[to + 2] as number) ^ (source[from + 2] as number);
  target[to + 3] = (target[to + 3] as number) ^ (source[from + 3] as number);
}

export function copyBlock(target: Int32Array, to: number, source: Int32Array, from: number): void {
  target[to] = source[from] as number;
  target[to + 1] = source[from + 1] as number;
  target[to + 2] = source[from + 2] as number;
  target[to + 3] = source[from + 3] as number;
}
