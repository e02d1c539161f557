import { MasklineError } from "../errors.ts";
import { type BlockFunction, blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { type BlockColumn, columnOf } from "./block-column.ts";
import { bytesOf, copyBlock, wordsOf, wordsPerBlock, xorBlock } from "./block-words.ts";
import { chainBlocks, closeValue, createCmac, createCmacSubkeys, doubleBlock, xorPadding } from "./cmac.ts";
import { Scratch } from "./scratch.ts";

/** AES-SIV with one key and one associated datum, over whole columns. Synthetic IVs are 16 bytes a value, as words. */
export interface SivCipher {
  /** The synthetic IVs of plaintexts, which become their ciphertexts where they are. */
  seal(column: BlockColumn): Int32Array;
  /** Which of the ciphertexts are authentic. They become plaintexts where they are; only those of the authentic ones may be used. */
  open(sivs: Int32Array, column: BlockColumn): boolean[];
}

export const sivLengthBytes: number = blockLengthBytes;

/**
 * AES-SIV (RFC 5297) with exactly one component of associated data. The first half of the key is for S2V, the second for the
 * counter mode; 32, 48 or 64 bytes as section 2.2 has them.
 */
export function createSivCipher(key: Uint8Array, associated: Uint8Array): SivCipher {
  if (![32, 48, 64].includes(key.length)) throw new MasklineError("internal", `an AES-SIV key of ${key.length} bytes`);
  const scratch = new Scratch();
  const synthesize = createS2v(createBlockFunction(key.subarray(0, key.length / 2)), associated, scratch);
  const applyKeyStream = createKeyStream(createBlockFunction(key.subarray(key.length / 2)), scratch);
  return {
    seal(column) {
      const sivs = synthesize(column);
      applyKeyStream(sivs, column);
      scratch.release(column.blockCount * blockLengthBytes);
      return sivs;
    },
    open(sivs, column) {
      applyKeyStream(sivs, column);
      clearTails(column);
      const authentic = equalBlocks(sivs, synthesize(column));
      scratch.release(column.blockCount * blockLengthBytes);
      return authentic;
    },
  };
}

/**
 * S2V (RFC 5297 section 2.4) of the associated datum and each value of a column. What depends on the key alone is made once, so that
 * a value shorter than a block costs a single AES block.
 */
function createS2v(encrypt: BlockFunction, associated: Uint8Array, scratch: Scratch): (column: BlockColumn) => Int32Array {
  const subkeys = createCmacSubkeys(encrypt);
  const cmac = createCmac(encrypt);
  const chained = blockOf(doubleBlock(bytesOf(cmac(columnOf([Buffer.alloc(blockLengthBytes)])))));
  xorBlock(chained.words, 0, cmac(columnOf([associated])), 0);
  // A value shorter than a block is padded and xored with the doubled chain; the result is a full block to CMAC.
  const shortMask = wordsOf(doubleBlock(chained.bytes));
  xorBlock(shortMask, 0, subkeys.full, 0);

  return (column) => {
    const { blockCount, count, lengths, starts } = column;
    scratch.reserve(blockCount * blockLengthBytes);
    const { bytes, words } = scratch;
    words.set(column.blocks.words.subarray(0, blockCount * wordsPerBlock));
    for (let i = 0; i < count; i += 1) {
      const start = starts[i] as number;
      const length = lengths[i] as number;
      if (length < blockLengthBytes) {
        xorBlock(words, start * wordsPerBlock, shortMask, 0);
        xorPadding(bytes, start * blockLengthBytes + length);
      } else {
        // The chain is xored into the last 16 bytes wherever they begin, across the border of two blocks as well.
        xorBytes(scratch, start * blockLengthBytes + length - blockLengthBytes, chained);
        closeValue(scratch, start, starts[i + 1] as number, length, subkeys);
      }
    }
    return chainBlocks(encrypt, scratch, column);
  };
}

/**
 * Xors each value with the key stream of its own synthetic IV (RFC 5297 section 2.5): encrypts, and decrypts again. Whole blocks: what
 * stands behind a value is key stream then.
 */
function createKeyStream(encrypt: BlockFunction, scratch: Scratch): (sivs: Int32Array, column: BlockColumn) => void {
  return (sivs, column) => {
    const { blockCount, count, starts } = column;
    if (count === 0) return;
    scratch.reserve(blockCount * blockLengthBytes);
    const { bytes, words } = scratch;
    for (let i = 0; i < count; i += 1) {
      const first = starts[i] as number;
      for (let block = first; block < (starts[i + 1] as number); block += 1) {
        const at = block * blockLengthBytes;
        copyBlock(words, block * wordsPerBlock, sivs, i * wordsPerBlock);
        // Two bits of the IV are cleared so that the counter never carries out of its last 32 bits (RFC 5297 section 2.5).
        bytes[at + 8] = (bytes[at + 8] as number) & 0x7f;
        bytes[at + 12] = (bytes[at + 12] as number) & 0x7f;
        if (block > first) addToCounter(bytes, block, block - first);
      }
    }
    const used = blockCount * wordsPerBlock;
    const keyStream = wordsOf(encrypt(words.subarray(0, used)));
    const values = column.blocks.words;
    for (let i = 0; i < used; i += 1) values[i] = (values[i] as number) ^ (keyStream[i] as number);
  };
}

/** A block, as bytes and as words of the same memory. */
type Block = Pick<Scratch, "bytes" | "words">;

function blockOf(bytes: Buffer): Block {
  return { bytes, words: wordsOf(bytes) };
}

/** Xors a block into bytes that may begin anywhere. */
function xorBytes({ bytes, words }: Scratch, at: number, block: Block): void {
  if (at % Int32Array.BYTES_PER_ELEMENT === 0) {
    xorBlock(words, at / Int32Array.BYTES_PER_ELEMENT, block.words, 0);
    return;
  }
  for (let i = 0; i < blockLengthBytes; i += 1) bytes[at + i] = (bytes[at + i] as number) ^ (block.bytes[i] as number);
}

/** Adds to the big-endian number that ends at a block's last byte. */
function addToCounter(bytes: Uint8Array, block: number, addend: number): void {
  let carry = addend;
  for (let at = (block + 1) * blockLengthBytes - 1; carry > 0; at -= 1) {
    carry += bytes[at] as number;
    bytes[at] = carry;
    carry >>>= 8;
  }
}

/** Zeros what stands behind each value in its last block. */
function clearTails({ blocks, count, lengths, starts }: BlockColumn): void {
  for (let i = 0; i < count; i += 1) {
    const end = (starts[i + 1] as number) * blockLengthBytes;
    for (let at = (starts[i] as number) * blockLengthBytes + (lengths[i] as number); at < end; at += 1) blocks.bytes[at] = 0;
  }
}

/** Compares block by block, always whole blocks: the time taken does not tell where a forged SIV goes wrong. */
function equalBlocks(left: Int32Array, right: Int32Array): boolean[] {
  return Array.from({ length: left.length / wordsPerBlock }, (_, index) => {
    let difference = 0;
    for (let i = index * wordsPerBlock; i < (index + 1) * wordsPerBlock; i += 1) {
      difference |= (left[i] as number) ^ (right[i] as number);
    }
    return difference === 0;
  });
}
