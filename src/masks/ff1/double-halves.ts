import { blockLengthBytes } from "../aes-block.ts";
import type { Direction, Ff1Halves } from "./halves.ts";
import type { Ff1Length } from "./length.ts";

/** Below this a remainder times 2^16, and a chunk of 16 bits beside it, is exact in a double. */
export const largestModulus: number = 2 ** 37;
/** Below this it is with 32 bits at a time. */
export const largestWordModulus: number = 2 ** 21;

/** Whether strings of this length are short enough for doubles: 22 digits, 14 letters and digits. */
export function fitsDoubles({ radix, rightNumerals }: Ff1Length): boolean {
  return radix ** rightNumerals < largestModulus;
}

/** Halves in doubles: every step is exact. */
export function doubleHalves(length: Ff1Length, count: number, direction: Direction): Ff1Halves {
  const { radix, leftNumerals, rightNumerals, halfBytes, outputBytes } = length;
  const left = { numbers: new Float64Array(count), modulus: radix ** leftNumerals };
  const right = { numbers: new Float64Array(count), modulus: radix ** rightNumerals };
  const remainders = new Float64Array(count);
  // Never more than five bytes: the number lies in the last two words of one block, the round's number before it.
  const high = length.lastBlocks.readUInt32BE(8);
  const low = length.lastBlocks.readUInt32BE(12);

  return {
    take(index, numerals, start) {
      left.numbers[index] = toNumber(numerals, start, leftNumerals, radix);
      right.numbers[index] = toNumber(numerals, start + leftNumerals, rightNumerals, radix);
    },
    writeBlocks(blocks, round) {
      const { numbers } = round % 2 === 0 ? right : left;
      const view = viewOf(blocks);
      const roundHigh = high ^ (halfBytes < 4 ? 0 : round << (8 * (halfBytes - 4)));
      const roundLow = low ^ (halfBytes < 4 ? round << (8 * halfBytes) : 0);
      for (let i = 0, at = 0; i < count; i += 1, at += blockLengthBytes) {
        const number = numbers[i] as number;
        view.setUint32(at + 8, roundHigh ^ (number / 0x1_0000_0000));
        view.setUint32(at + 12, roundLow ^ number);
      }
    },
    advance(states, round) {
      const { numbers, modulus } = round % 2 === 0 ? left : right;
      const outputs = modulus < largestWordModulus ? remaindersByWords : remaindersByHalfWords;
      const sign = direction === "encrypt" ? 1 : -1;
      outputs(viewOf(states), outputBytes, modulus, remainders);
      for (let i = 0; i < count; i += 1) {
        const changed = (numbers[i] as number) + sign * (remainders[i] as number);
        numbers[i] = changed >= modulus ? changed - modulus : changed < 0 ? changed + modulus : changed;
      }
    },
    give(index, numerals, start) {
      fromNumber(left.numbers[index] as number, numerals, start, leftNumerals, radix);
      fromNumber(right.numbers[index] as number, numerals, start + leftNumerals, rightNumerals, radix);
    },
  };
}

/**
 * The remainder of the first `length` bytes of every block, 32 bits at a time, without the slow division of `%`. All integers stay
 * below 2^53. The inverse is a little too small, so that a quotient is never too large and at most one too small: product and
 * difference are exact.
 */
export function remaindersByWords(blocks: DataView, length: number, modulus: number, remainders: Float64Array): void {
  const inverse = slightlySmallerInverse(modulus);
  for (let i = 0, at = 0; i < remainders.length; i += 1, at += blockLengthBytes) {
    let remainder = 0;
    for (let j = at; j < at + length; j += 4) {
      const dividend = remainder * 0x1_0000_0000 + blocks.getUint32(j);
      remainder = dividend - Math.floor(dividend * inverse) * modulus;
      if (remainder >= modulus) remainder -= modulus;
    }
    remainders[i] = remainder;
  }
}

/** The same, 16 bits at a time, for larger moduli. */
export function remaindersByHalfWords(blocks: DataView, length: number, modulus: number, remainders: Float64Array): void {
  const inverse = slightlySmallerInverse(modulus);
  for (let i = 0, at = 0; i < remainders.length; i += 1, at += blockLengthBytes) {
    let remainder = 0;
    for (let j = at; j < at + length; j += 2) {
      const dividend = remainder * 0x1_0000 + blocks.getUint16(j);
      remainder = dividend - Math.floor(dividend * inverse) * modulus;
      if (remainder >= modulus) remainder -= modulus;
    }
    remainders[i] = remainder;
  }
}

function slightlySmallerInverse(modulus: number): number {
  return (1 / modulus) * (1 - 2 ** -51);
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** NUM(X): the first numeral is the most significant. */
function toNumber(numerals: Uint16Array, start: number, length: number, radix: number): number {
  let number = 0;
  for (let i = start; i < start + length; i += 1) number = number * radix + (numerals[i] as number);
  return number;
}

/** STR(x). Half a unit more than the number keeps the quotient off the borders that rounding could cross. */
function fromNumber(number: number, numerals: Uint16Array, start: number, length: number, radix: number): void {
  const inverse = 1 / radix;
  let rest = number;
  for (let i = start + length - 1; i >= start; i -= 1) {
    const quotient = Math.floor((rest + 0.5) * inverse);
    numerals[i] = rest - quotient * radix;
    rest = quotient;
  }
}
