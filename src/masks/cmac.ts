import { type BlockFunction, blockLengthBytes } from "./aes-block.ts";
import { type ByteColumn, columnLength } from "./byte-column.ts";

/** A column laid out in whole blocks. The blocks of value `i` are `starts[i] .. starts[i + 1]`, at least one, zeros behind its bytes. */
export interface BlockColumn {
  readonly blocks: Buffer;
  readonly starts: Uint32Array;
}

/** What CMAC xors into the last block (RFC 4493 section 2.3): K1 into a full one, K2 into one that was padded. */
export interface CmacSubkeys {
  readonly full: Buffer;
  readonly padded: Buffer;
}

export function createCmacSubkeys(encrypt: BlockFunction): CmacSubkeys {
  const full = doubleBlock(encrypt(Buffer.alloc(blockLengthBytes)));
  return { full, padded: doubleBlock(full) };
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

/** Xors one block into `target` at a byte offset. */
export function xorBlock(target: Uint8Array, offset: number, block: Uint8Array, blockOffset: number): void {
  for (let i = 0; i < blockLengthBytes; i += 1) {
    target[offset + i] = (target[offset + i] as number) ^ (block[blockOffset + i] as number);
  }
}

export function layOutBlocks(column: ByteColumn): BlockColumn {
  const { bytes, offsets } = column;
  const count = columnLength(column);
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < count; i += 1) {
    const length = (offsets[i + 1] as number) - (offsets[i] as number);
    starts[i + 1] = (starts[i] as number) + Math.max(1, Math.ceil(length / blockLengthBytes));
  }
  const blocks = Buffer.alloc((starts[count] as number) * blockLengthBytes);
  for (let i = 0; i < count; i += 1) {
    const end = offsets[i + 1] as number;
    let to = (starts[i] as number) * blockLengthBytes;
    for (let from = offsets[i] as number; from < end; from += 1, to += 1) blocks[to] = bytes[from] as number;
  }
  return { blocks, starts };
}

/** Pads the last block of a value of `length` bytes that begins at byte `start`, and xors its subkey in (RFC 4493 section 2.4). */
export function closeLastBlock(blocks: Uint8Array, start: number, length: number, subkeys: CmacSubkeys): void {
  const over = length % blockLengthBytes;
  if (over === 0 && length > 0) {
    xorBlock(blocks, start + length - blockLengthBytes, subkeys.full, 0);
    return;
  }
  blocks[start + length] = 0x80;
  xorBlock(blocks, start + length - over, subkeys.padded, 0);
}

/**
 * The CBC chain of CMAC over every value of a column, 16 bytes each. Layer by layer: block `layer` of all values that have one goes
 * through AES in one call, so that a column of short values costs one call.
 */
export function chainBlocks(encrypt: BlockFunction, { blocks, starts }: BlockColumn): Buffer {
  const count = starts.length - 1;
  if (starts[count] === count) return encrypt(blocks);
  const lastStates = Buffer.alloc(count * blockLengthBytes);
  let live = Array.from({ length: count }, (_, value) => value);
  let states: Buffer = Buffer.alloc(lastStates.length);
  for (let layer = 0; live.length > 0; layer += 1) {
    for (const [slot, value] of live.entries()) {
      xorBlock(states, slot * blockLengthBytes, blocks, ((starts[value] as number) + layer) * blockLengthBytes);
    }
    states = encrypt(states);
    const further: number[] = [];
    for (const [slot, value] of live.entries()) {
      const ends = (starts[value] as number) + layer + 1 === starts[value + 1];
      if (ends) copyBlock(lastStates, value, states, slot);
      // What goes on moves up to its next slot, which has been read already.
      else copyBlock(states, further.push(value) - 1, states, slot);
    }
    live = further;
    states = states.subarray(0, live.length * blockLengthBytes);
  }
  return lastStates;
}

/** Copies block number `from` over block number `to`. */
function copyBlock(target: Uint8Array, to: number, source: Uint8Array, from: number): void {
  for (let i = 0; i < blockLengthBytes; i += 1) target[to * blockLengthBytes + i] = source[from * blockLengthBytes + i] as number;
}
