import { type BlockFunction, blockLengthBytes } from "../aes-block.ts";
import type { Direction, Ff1Halves } from "./halves.ts";
import type { Ff1Length } from "./length.ts";

/** Halves in big integers, for strings of any length. */
export function bigHalves(length: Ff1Length, count: number, direction: Direction, encrypt: BlockFunction): Ff1Halves {
  const { radix, leftNumerals, rightNumerals, halfBytes, outputBytes, lastBlocks } = length;
  const left = { numbers: Array.from({ length: count }, () => 0n), modulus: BigInt(radix) ** BigInt(leftNumerals) };
  const right = { numbers: Array.from({ length: count }, () => 0n), modulus: BigInt(radix) ** BigInt(rightNumerals) };
  const furtherBlocks = Math.ceil(outputBytes / blockLengthBytes) - 1;

  /** S (step 6 iii): the state, then the state xored with 1, 2, ... and encrypted. */
  const outputs = (states: Buffer): readonly bigint[] => {
    const counters = Buffer.alloc(count * furtherBlocks * blockLengthBytes);
    for (let i = 0, at = 0; i < count; i += 1) {
      for (let step = 1; step <= furtherBlocks; step += 1, at += blockLengthBytes) {
        states.copy(counters, at, i * blockLengthBytes, (i + 1) * blockLengthBytes);
        counters.writeUInt32BE((counters.readUInt32BE(at + 12) ^ step) >>> 0, at + 12);
      }
    }
    const further = (furtherBlocks === 0 ? counters : encrypt(counters)).toString("hex");
    const hexOfFurther = 2 * furtherBlocks * blockLengthBytes;
    return left.numbers.map((_, i) => {
      const first = states.toString("hex", i * blockLengthBytes, (i + 1) * blockLengthBytes);
      return BigInt(`0x${(first + further.slice(i * hexOfFurther, (i + 1) * hexOfFurther)).slice(0, 2 * outputBytes)}`);
    });
  };

  return {
    take(index, numerals, start) {
      left.numbers[index] = toBigInt(numerals, start, leftNumerals, radix);
      right.numbers[index] = toBigInt(numerals, start + leftNumerals, rightNumerals, radix);
    },
    writeBlocks(blocks, round) {
      const { numbers } = round % 2 === 0 ? right : left;
      numbers.forEach((number, i) => {
        const at = i * lastBlocks.length;
        const changing = Buffer.from(round.toString(16).padStart(2, "0") + number.toString(16).padStart(2 * halfBytes, "0"), "hex");
        lastBlocks.copy(blocks, at);
        const from = at + lastBlocks.length - changing.length;
        changing.forEach((byte, j) => (blocks[from + j] = (blocks[from + j] as number) ^ byte));
      });
    },
    advance(states, round) {
      const { numbers, modulus } = round % 2 === 0 ? left : right;
      outputs(states).forEach((output, i) => {
        const changed = ((numbers[i] as bigint) + (direction === "encrypt" ? output : -output)) % modulus;
        numbers[i] = changed < 0n ? changed + modulus : changed;
      });
    },
    give(index, numerals, start) {
      fromBigInt(left.numbers[index] as bigint, numerals, start, leftNumerals, radix);
      fromBigInt(right.numbers[index] as bigint, numerals, start + leftNumerals, rightNumerals, radix);
    },
  };
}

/** NUM(X): the first numeral is the most significant. */
function toBigInt(numerals: Uint16Array, start: number, length: number, radix: number): bigint {
  let number = 0n;
  for (const numeral of numerals.subarray(start, start + length)) number = number * BigInt(radix) + BigInt(numeral);
  return number;
}

/** STR(x) */
function fromBigInt(number: bigint, numerals: Uint16Array, start: number, length: number, radix: number): void {
  let rest = number;
  for (let i = start + length - 1; i >= start; i -= 1) {
    numerals[i] = Number(rest % BigInt(radix));
    rest /= BigInt(radix);
  }
}
