import { type BlockFunction, blockLengthBytes } from "../aes-block.ts";
import { chainBlocks } from "../cmac.ts";

/** What FF1 needs for the numeral strings of one length, the same for all of them (SP 800-38G algorithm 7, steps 1 to 5). */
export interface Ff1Length {
  readonly radix: number;
  /** u and v: how many numerals the two halves have. */
  readonly leftNumerals: number;
  readonly rightNumerals: number;
  /** b: the bytes of the longer half as a number. */
  readonly halfBytes: number;
  /** d: the bytes of pseudorandom output that are added in each round. */
  readonly outputBytes: number;
  /**
   * Of P || Q only the last b + 1 bytes change between values and rounds. These are the blocks they lie in, with zeros in their
   * place and the CBC chain over all blocks before them xored in: the pseudorandom function of a value starts here.
   */
  readonly lastBlocks: Buffer;
}

export function ff1Length(encrypt: BlockFunction, radix: number, tweak: Uint8Array, numerals: number): Ff1Length {
  const leftNumerals = Math.floor(numerals / 2);
  const rightNumerals = numerals - leftNumerals;
  const halfBytes = bytesOf(BigInt(radix) ** BigInt(rightNumerals) - 1n);
  const outputBytes = 4 * Math.ceil(halfBytes / 4) + 4;

  const changing = Math.ceil((halfBytes + 1) / blockLengthBytes) * blockLengthBytes;
  const blocks = Buffer.alloc(blockLengthBytes + Math.ceil((tweak.length + halfBytes + 1) / blockLengthBytes) * blockLengthBytes);
  // P = [1]1 || [2]1 || [1]1 || [radix]3 || [10]1 || [u mod 256]1 || [n]4 || [t]4
  blocks.set([1, 2, 1]);
  blocks.writeUIntBE(radix, 3, 3);
  blocks.set([10, leftNumerals % 256], 6);
  blocks.writeUInt32BE(numerals, 8);
  blocks.writeUInt32BE(tweak.length, 12);
  // Q = T || zeros || [i]1 || [NUM(B)]b
  blocks.set(tweak, blockLengthBytes);

  const fixed = blocks.subarray(0, blocks.length - changing);
  const lastBlocks = blocks.subarray(fixed.length);
  const chained = chainBlocks(encrypt, { blocks: fixed, starts: Uint32Array.of(0, fixed.length / blockLengthBytes) });
  for (const [i, byte] of chained.entries()) lastBlocks[i] = (lastBlocks[i] as number) ^ byte;
  return { radix, leftNumerals, rightNumerals, halfBytes, outputBytes, lastBlocks };
}

/** Counted exactly: ceil(v * log2(radix)) in doubles is wrong where radix^v is close to a power of two. */
function bytesOf(largest: bigint): number {
  return Math.ceil(largest.toString(16).length / 2);
}
