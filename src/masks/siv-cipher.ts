import { MasklineError } from "../errors.ts";
import { type BlockFunction, blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { type ByteColumn, columnLength, joinBytes } from "./byte-column.ts";
import { chainBlocks, closeLastBlock, createCmacSubkeys, doubleBlock, layOutBlocks, xorBlock } from "./cmac.ts";

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

/** AES-SIV with one key and one associated datum, over whole columns. */
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
  const encryptCounters = createBlockFunction(key.subarray(key.length / 2));
  return {
    seal(plaintexts) {
      const sivs = synthesize(plaintexts);
      return { sivs, ciphertexts: applyKeyStream(encryptCounters, sivs, plaintexts) };
    },
    open({ sivs, ciphertexts }) {
      const plaintexts = applyKeyStream(encryptCounters, sivs, ciphertexts);
      return { plaintexts, authentic: equalBlocks(sivs, synthesize(plaintexts)) };
    },
  };
}

/** S2V (RFC 5297 section 2.4) of the associated datum and each value of a column. What depends on the key alone is made once. */
function createS2v(encrypt: BlockFunction, associated: Uint8Array): (plaintexts: ByteColumn) => Buffer {
  const subkeys = createCmacSubkeys(encrypt);
  const datum = layOutBlocks(joinBytes([associated]));
  closeLastBlock(datum.blocks, 0, associated.length, subkeys);
  // CMAC of the block of zeros is AES of the subkey alone.
  const chained = doubleBlock(encrypt(subkeys.full));
  xorBlock(chained, 0, chainBlocks(encrypt, datum), 0);
  // A value shorter than a block is padded and xored with the doubled chain; the result is a full block to CMAC.
  const shortMask = doubleBlock(chained);
  xorBlock(shortMask, 0, subkeys.full, 0);

  return (plaintexts) => {
    const laidOut = layOutBlocks(plaintexts);
    const { blocks, starts } = laidOut;
    for (let i = 0; i < columnLength(plaintexts); i += 1) {
      const start = (starts[i] as number) * blockLengthBytes;
      const length = (plaintexts.offsets[i + 1] as number) - (plaintexts.offsets[i] as number);
      if (length < blockLengthBytes) {
        blocks[start + length] = 0x80;
        xorBlock(blocks, start, shortMask, 0);
      } else {
        // The chain is xored into the last 16 bytes wherever they begin, across the border of two blocks as well.
        xorBlock(blocks, start + length - blockLengthBytes, chained, 0);
        closeLastBlock(blocks, start, length, subkeys);
      }
    }
    return chainBlocks(encrypt, laidOut);
  };
}

/** Xors each value with the key stream of its own synthetic IV (RFC 5297 section 2.5): encrypts, and decrypts again. */
function applyKeyStream(encrypt: BlockFunction, sivs: Buffer, column: ByteColumn): ByteColumn {
  const { bytes, offsets } = column;
  const count = columnLength(column);
  let blockCount = 0;
  for (let i = 0; i < count; i += 1) blockCount += keyStreamBlocks(offsets, i);
  const counters = Buffer.alloc(blockCount * blockLengthBytes);
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const siv = i * blockLengthBytes;
    for (let counter = keyStreamBlocks(offsets, i), step = 0; step < counter; step += 1, at += blockLengthBytes) {
      for (let j = 0; j < 12; j += 1) counters[at + j] = sivs[siv + j] as number;
      // Two bits of the IV are cleared so that the counter never carries out of its last 32 bits (RFC 5297 section 2.5).
      counters[at + 8] = (counters[at + 8] as number) & 0x7f;
      counters.writeUInt32BE((sivs.readUInt32BE(siv + 12) & 0x7fff_ffff) + step, at + 12);
    }
  }
  const keyStream = encrypt(counters);
  const output = Buffer.alloc(bytes.length);
  at = 0;
  for (let i = 0; i < count; i += 1) {
    const start = offsets[i] as number;
    const length = (offsets[i + 1] as number) - start;
    for (let j = 0; j < length; j += 1) output[start + j] = (bytes[start + j] as number) ^ (keyStream[at + j] as number);
    at += keyStreamBlocks(offsets, i) * blockLengthBytes;
  }
  return { bytes: output, offsets };
}

function keyStreamBlocks(offsets: Uint32Array, index: number): number {
  return Math.ceil(((offsets[index + 1] as number) - (offsets[index] as number)) / blockLengthBytes);
}

/** Compares block by block, always all 16 bytes: the time taken does not tell where a forged SIV goes wrong. */
function equalBlocks(left: Uint8Array, right: Uint8Array): boolean[] {
  return Array.from({ length: left.length / blockLengthBytes }, (_, index) => {
    let difference = 0;
    for (let i = index * blockLengthBytes; i < (index + 1) * blockLengthBytes; i += 1) {
      difference |= (left[i] as number) ^ (right[i] as number);
    }
    return difference === 0;
  });
}
