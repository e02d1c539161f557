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

interface Half {
  readonly numbers: Float64Array;
  readonly modulus: number;
}

/**
 * Halves in doubles: every step is exact. A class, and no closures: those die with their batch, and the code that the runtime has made
 * fast dies with them.
 */
export class DoubleHalves implements Ff1Halves {
  readonly #length: Ff1Length;
  readonly #sign: 1 | -1;
  readonly #left: Half;
  readonly #right: Half;
  readonly #remainders: Float64Array;

  constructor(length: Ff1Length, count: number, direction: Direction) {
    const { radix, leftNumerals, rightNumerals } = length;
    this.#length = length;
    this.#sign = direction === "encrypt" ? 1 : -1;
    this.#left = { numbers: new Float64Array(count), modulus: radix ** leftNumerals };
    this.#right = { numbers: new Float64Array(count), modulus: radix ** rightNumerals };
    this.#remainders = new Float64Array(count);
  }

  take(index: number, numerals: Uint16Array, start: number): void {
    const { radix, leftNumerals, rightNumerals } = this.#length;
    this.#left.numbers[index] = toNumber(numerals, start, leftNumerals, radix);
    this.#right.numbers[index] = toNumber(numerals, start + leftNumerals, rightNumerals, radix);
  }

  writeBlocks(blocks: Buffer, round: number): void {
    const { halfBytes, lastBlocks } = this.#length;
    const { numbers } = round % 2 === 0 ? this.#right : this.#left;
    // Never more than five bytes: the number lies in the last two words of one block, the round's number before it.
    const high = lastBlocks.readUInt32BE(8) ^ (halfBytes < 4 ? 0 : round << (8 * (halfBytes - 4)));
    const low = lastBlocks.readUInt32BE(12) ^ (halfBytes < 4 ? round << (8 * halfBytes) : 0);
    const view = viewOf(blocks);
    for (let i = 0, at = 0; i < numbers.length; i += 1, at += blockLengthBytes) {
      const number = numbers[i] as number;
      view.setUint32(at + 8, high ^ (number / 0x1_0000_0000));
      view.setUint32(at + 12, low ^ number);
    }
  }

  advance(states: Buffer, round: number): void {
    const { numbers, modulus } = round % 2 === 0 ? this.#left : this.#right;
    const remainders = this.#remainders;
    if (modulus < largestWordModulus) remaindersByWords(viewOf(states), this.#length.outputBytes, modulus, remainders);
    else remaindersByHalfWords(viewOf(states), this.#length.outputBytes, modulus, remainders);
    const sign = this.#sign;
    for (let i = 0; i < numbers.length; i += 1) {
      const changed = (numbers[i] as number) + sign * (remainders[i] as number);
      numbers[i] = changed >= modulus ? changed - modulus : changed < 0 ? changed + modulus : changed;
    }
  }

  give(index: number, numerals: Uint16Array, start: number): void {
    const { radix, leftNumerals, rightNumerals } = this.#length;
    fromNumber(this.#left.numbers[index] as number, numerals, start, leftNumerals, radix);
    fromNumber(this.#right.numbers[index] as number, numerals, start + leftNumerals, rightNumerals, radix);
  }
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
