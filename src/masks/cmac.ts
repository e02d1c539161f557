import { type BlockFunction, blockLengthBytes } from "./aes-block.ts";
import type { BlockColumn } from "./block-column.ts";
import { copyBlock, wordsOf, wordsPerBlock, xorBlock } from "./block-words.ts";
import type { Scratch } from "./scratch.ts";

/** What CMAC xors into the last block (RFC 4493 section 2.3): K1 into a full one, K2 into one that was padded. */
export interface CmacSubkeys {
  readonly full: Int32Array;
  readonly padded: Int32Array;
}

export function createCmacSubkeys(encrypt: BlockFunction): CmacSubkeys {
  const full = doubleBlock(encrypt(Buffer.alloc(blockLengthBytes)));
  return { full: wordsOf(full), padded: wordsOf(doubleBlock(full)) };
}

/**
 * AES-CMAC (RFC 4493, SP 800-38B) of every value of a column: 16 bytes each, as words. Works in the column itself: what is in it
 * afterwards are no values any more.
 */
export function createCmac(encrypt: BlockFunction): (column: BlockColumn) => Int32Array {
  const subkeys = createCmacSubkeys(encrypt);
  return (column) => {
    const { blocks, count, lengths, starts } = column;
    for (let i = 0; i < count; i += 1) {
      closeValue(blocks, starts[i] as number, starts[i + 1] as number, lengths[i] as number, subkeys);
    }
    return chainBlocks(encrypt, blocks, column);
  };
}

/** Pads the last block of a value of `length` bytes in blocks `start` to `end`, and xors its subkey in (RFC 4493 section 2.4). */
export function closeValue({ bytes, words }: Scratch, start: number, end: number, length: number, subkeys: CmacSubkeys): void {
  const last = (end - 1) * wordsPerBlock;
  const whole = length > 0 && length % blockLengthBytes === 0;
  xorBlock(words, last, whole ? subkeys.full : subkeys.padded, 0);
  if (!whole) xorPadding(bytes, start * blockLengthBytes + length);
}

/** The bit that ends what is padded. After the words around it, not before: a word read while its bytes are being written waits for them. */
export function xorPadding(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] as number) ^ 0x80;
}

/**
 * The CBC chain of CMAC over every value of a column, laid out in `blocks`. Layer by layer: block `layer` of all values that have one
 * goes through AES in one call, so that a column of short values costs one call.
 */
export function chainBlocks(encrypt: BlockFunction, blocks: Scratch, { count, blockCount, starts }: BlockColumn): Int32Array {
  const { words } = blocks;
  if (count === 0) return new Int32Array();
  if (blockCount === count) return wordsOf(encrypt(words.subarray(0, count * wordsPerBlock)));
  const last = new Int32Array(count * wordsPerBlock);
  const gathered = new Int32Array(count * wordsPerBlock);
  const live = Uint32Array.from({ length: count }, (_, index) => index);
  for (let layer = 0, width = count; width > 0; layer += 1) {
    for (let slot = 0; slot < width; slot += 1) {
      const block = (starts[live[slot] as number] as number) + layer;
      copyBlock(gathered, slot * wordsPerBlock, words, block * wordsPerBlock);
    }
    const states = wordsOf(encrypt(gathered.subarray(0, width * wordsPerBlock)));
    let further = 0;
    for (let slot = 0; slot < width; slot += 1) {
      const value = live[slot] as number;
      const next = (starts[value] as number) + layer + 1;
      if (next === starts[value + 1]) copyBlock(last, value * wordsPerBlock, states, slot * wordsPerBlock);
      else {
        xorBlock(words, next * wordsPerBlock, states, slot * wordsPerBlock);
        live[further] = value;
        further += 1;
      }
    }
    width = further;
  }
  return last;
}

/** Doubling in GF(2^128) (RFC 5297 section 2.3): shifts left by one bit and folds the bit that falls out back in, without a branch on it. */
export function doubleBlock(block: Uint8Array): Buffer {
  const doubled = Buffer.alloc(blockLengthBytes);
  let carry = 0;
  for (let i = blockLengthBytes - 1; i >= 0; i -= 1) {
    const byte = block[i] as number;
    doubled[i] = (byte << 1) | carry;
    carry = byte >> 7;
  }
  doubled[blockLengthBytes - 1] = (doubled[blockLengthBytes - 1] as number) ^ (-carry & 0x87);
  return doubled;
}
