import { type BlockFunction, blockLengthBytes } from "./aes-block.ts";
import { copyBlock, wordsOf, wordsPerBlock, xorBlock } from "./block-words.ts";
import type { ByteColumn } from "./byte-column.ts";
import type { Scratch } from "./scratch.ts";

/** A column laid out in whole blocks. The blocks of value `i` are `starts[i] .. starts[i + 1]`, at least one. */
export interface BlockColumn {
  readonly blocks: Buffer;
  readonly starts: Uint32Array;
}

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
 * AES-CMAC (RFC 4493, SP 800-38B) of every value of a column, 16 bytes each. Works in the column itself: what is in it afterwards
 * are no values any more.
 */
export function createCmac(encrypt: BlockFunction): (column: ByteColumn) => Buffer {
  const subkeys = createCmacSubkeys(encrypt);
  return (column) => {
    const { blocks, count, lengths, starts } = column;
    for (let i = 0; i < count; i += 1) {
      closeValue(blocks, starts[i] as number, starts[i + 1] as number, lengths[i] as number, subkeys);
    }
    return chainBlocks(encrypt, blocksOf(column, blocks));
  };
}

/** The blocks of a column, or others of the same layout. */
export function blocksOf({ blockCount, count, starts }: ByteColumn, { bytes }: Scratch): BlockColumn {
  return { blocks: bytes.subarray(0, blockCount * blockLengthBytes), starts: starts.subarray(0, count + 1) };
}

/** Pads the last block of a value of `length` bytes in blocks `start` to `end`, and xors its subkey in (RFC 4493 section 2.4). */
export function closeValue({ bytes, words }: Scratch, start: number, end: number, length: number, subkeys: CmacSubkeys): void {
  const last = (end - 1) * wordsPerBlock;
  if (length > 0 && length % blockLengthBytes === 0) {
    xorBlock(words, last, subkeys.full, 0);
  } else {
    xorBlock(words, last, subkeys.padded, 0);
    xorPadding(bytes, start * blockLengthBytes + length);
  }
}

/** The bit that ends what is padded. */
export function xorPadding(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] as number) ^ 0x80;
}

/**
 * The CBC chain of CMAC over every value of a column, 16 bytes each. Layer by layer: block `layer` of all values that have one goes
 * through AES in one call, so that a column of short values costs one call.
 */
export function chainBlocks(encrypt: BlockFunction, { blocks, starts }: BlockColumn): Buffer {
  const count = starts.length - 1;
  if (starts[count] === count) return encrypt(blocks);
  const words = wordsOf(blocks);
  const chained = Buffer.alloc(count * blockLengthBytes);
  const states = Buffer.alloc(count * blockLengthBytes);
  const [chainedWords, stateWords] = [wordsOf(chained), wordsOf(states)];
  const live = new Uint32Array(count);
  for (let value = 0; value < count; value += 1) live[value] = value;
  for (let layer = 0, width = count; width > 0; layer += 1) {
    for (let slot = 0; slot < width; slot += 1) {
      const block = (starts[live[slot] as number] as number) + layer;
      xorBlock(stateWords, slot * wordsPerBlock, words, block * wordsPerBlock);
    }
    const encrypted = wordsOf(encrypt(states.subarray(0, width * blockLengthBytes)));
    let further = 0;
    for (let slot = 0; slot < width; slot += 1) {
      const value = live[slot] as number;
      if ((starts[value] as number) + layer + 1 === starts[value + 1]) {
        copyBlock(chainedWords, value * wordsPerBlock, encrypted, slot * wordsPerBlock);
      } else {
        // What goes on moves up to its next slot, which has been read already.
        copyBlock(stateWords, further * wordsPerBlock, encrypted, slot * wordsPerBlock);
        live[further] = value;
        further += 1;
      }
    }
    width = further;
  }
  return chained;
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
