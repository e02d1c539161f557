import { MasklineError } from "../errors.ts";
import { type BlockFunction, blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { copyBlock, wordsOf, wordsPerBlock, xorBlock } from "./block-words.ts";
import { type ByteColumn, joinBytes } from "./byte-column.ts";
import { blocksOf, chainBlocks, closeValue, createCmac, createCmacSubkeys, doubleBlock, xorPadding } from "./cmac.ts";
import { Scratch } from "./scratch.ts";

/** A column encrypted: for each value 16 bytes of synthetic IV, and as many bytes of ciphertext as there were of plaintext. */
export interface SealedColumn {
  readonly sivs: Buffer;
  readonly ciphertexts: ByteColumn;
}

export interface OpenedColumn {
  /** Only those that are `authentic` may be used. */
  readonly plaintexts: ByteColumn;
  readonly authentic: readonly boolean[];
}

/** AES-SIV with one key and one associated datum, over whole columns. Both work in the column they are given: it is the one they return. */
export interface SivCipher {
  seal(plaintexts: ByteColumn): SealedColumn;
  open(sealed: SealedColumn): OpenedColumn;
}

export const sivLengthBytes: number = blockLengthBytes;

/**
 * AES-SIV (RFC 5297) with exactly one component of associated data. The first half of the key is for S2V, the second for the
 * counter mode; 32, 48 or 64 bytes as section 2.2 has them.
 */
export function createSivCipher(key: Uint8Array, associated: Uint8Array): SivCipher {
  if (![32, 48, 64].includes(key.length)) throw new MasklineError("internal", `an AES-SIV key of ${key.length} bytes`);
  const synthesize = createS2v(createBlockFunction(key.subarray(0, key.length / 2)), associated);
  const applyKeyStream = createKeyStream(createBlockFunction(key.subarray(key.length / 2)));
  return {
    seal(column) {
      const sivs = synthesize(column);
      applyKeyStream(sivs, column);
      return { sivs, ciphertexts: column };
    },
    open({ sivs, ciphertexts: column }) {
      applyKeyStream(sivs, column);
      clearTails(column);
      return { plaintexts: column, authentic: equalBlocks(sivs, synthesize(column)) };
    },
  };
}

/**
 * S2V (RFC 5297 section 2.4) of the associated datum and each value of a column. What depends on the key alone is made once, so that
 * a value shorter than a block costs a single AES block.
 */
function createS2v(encrypt: BlockFunction, associated: Uint8Array): (column: ByteColumn) => Buffer {
  const subkeys = createCmacSubkeys(encrypt);
  const cmac = createCmac(encrypt);
  const bytesOfChain = doubleBlock(cmac(joinBytes([new Uint8Array(blockLengthBytes)])));
  const chained: Block = { bytes: bytesOfChain, words: wordsOf(bytesOfChain) };
  xorBlock(chained.words, 0, wordsOf(cmac(joinBytes([associated]))), 0);
  // A value shorter than a block is padded and xored with the doubled chain; the result is a full block to CMAC.
  const shortMask = wordsOf(doubleBlock(chained.bytes));
  xorBlock(shortMask, 0, subkeys.full, 0);
  const scratch = new Scratch();

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
    const sivs = chainBlocks(encrypt, blocksOf(column, scratch));
    scratch.release(blockCount * blockLengthBytes);
    return sivs;
  };
}

/**
 * Xors each value with the key stream of its own synthetic IV (RFC 5297 section 2.5): encrypts, and decrypts again. Whole blocks: what
 * stands behind a value is key stream then.
 */
function createKeyStream(encrypt: BlockFunction): (sivs: Buffer, column: ByteColumn) => void {
  const counters = new Scratch();
  return (sivs, column) => {
    const { blockCount, count, starts } = column;
    counters.reserve(blockCount * blockLengthBytes);
    const { bytes, words } = counters;
    const sivWords = wordsOf(sivs);
    for (let i = 0; i < count; i += 1) {
      const first = starts[i] as number;
      for (let block = first; block < (starts[i + 1] as number); block += 1) {
        copyBlock(words, block * wordsPerBlock, sivWords, i * wordsPerBlock);
        const at = block * blockLengthBytes;
        // Two bits of the IV are cleared so that the counter never carries out of its last 32 bits (RFC 5297 section 2.5).
        bytes[at + 8] = (bytes[at + 8] as number) & 0x7f;
        bytes[at + 12] = (bytes[at + 12] as number) & 0x7f;
        if (block > first) addToCounter(bytes, at, block - first);
      }
    }
    const keyStream = wordsOf(encrypt(bytes.subarray(0, blockCount * blockLengthBytes)));
    const values = column.blocks.words;
    for (let word = 0; word < keyStream.length; word += 1) values[word] = (values[word] as number) ^ (keyStream[word] as number);
    counters.release(0);
  };
}

/** Adds to the big-endian number that ends with the block at a byte offset. */
function addToCounter(bytes: Uint8Array, offset: number, addend: number): void {
  let carry = addend;
  for (let at = offset + blockLengthBytes - 1; carry > 0; at -= 1) {
    carry += bytes[at] as number;
    bytes[at] = carry;
    carry >>>= 8;
  }
}

/** A block, as bytes and as words of the same memory. */
type Block = Pick<Scratch, "bytes" | "words">;

/** Xors a block into bytes that may begin anywhere. */
function xorBytes({ bytes, words }: Block, at: number, block: Block): void {
  if (at % Int32Array.BYTES_PER_ELEMENT === 0) {
    xorBlock(words, at / Int32Array.BYTES_PER_ELEMENT, block.words, 0);
    return;
  }
  for (let i = 0; i < blockLengthBytes; i += 1) bytes[at + i] = (bytes[at + i] as number) ^ (block.bytes[i] as number);
}

/** Zeros what stands behind each value in its last block. */
function clearTails({ blocks: { bytes }, count, lengths, starts }: ByteColumn): void {
  for (let i = 0; i < count; i += 1) {
    const end = (starts[i + 1] as number) * blockLengthBytes;
    for (let at = (starts[i] as number) * blockLengthBytes + (lengths[i] as number); at < end; at += 1) bytes[at] = 0;
  }
}

/** Compares block by block, always whole blocks: the time taken does not tell where a forged SIV goes wrong. */
function equalBlocks(leftBlocks: Buffer, rightBlocks: Buffer): boolean[] {
  const [left, right] = [wordsOf(leftBlocks), wordsOf(rightBlocks)];
  const equal = Array<boolean>(left.length / wordsPerBlock).fill(false);
  for (let i = 0; i < equal.length; i += 1) {
    let difference = 0;
    for (let word = i * wordsPerBlock; word < (i + 1) * wordsPerBlock; word += 1) {
      difference |= (left[word] as number) ^ (right[word] as number);
    }
    equal[i] = difference === 0;
  }
  return equal;
}
