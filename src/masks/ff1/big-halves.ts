import { type BlockFunction, blockLengthBytes } from "../aes-block.ts";
import type { Direction, Ff1Halves } from "./halves.ts";
import type { Ff1Length } from "./length.ts";

interface Half {
  readonly numbers: bigint[];
  readonly modulus: bigint;
}

/** Halves in big integers, for strings of any length. */
export class BigHalves implements Ff1Halves {
  readonly #length: Ff1Length;
  readonly #direction: Direction;
  readonly #encrypt: BlockFunction;
  readonly #left: Half;
  readonly #right: Half;

  constructor(length: Ff1Length, count: number, direction: Direction, encrypt: BlockFunction) {
    const { radix, leftNumerals, rightNumerals } = length;
    this.#length = length;
    this.#direction = direction;
    this.#encrypt = encrypt;
    this.#left = { numbers: Array<bigint>(count).fill(0n), modulus: BigInt(radix) ** BigInt(leftNumerals) };
    this.#right = { numbers: Array<bigint>(count).fill(0n), modulus: BigInt(radix) ** BigInt(rightNumerals) };
  }

  take(index: number, numerals: Uint16Array, start: number): void {
    const { radix, leftNumerals, rightNumerals } = this.#length;
    this.#left.numbers[index] = toBigInt(numerals, start, leftNumerals, radix);
    this.#right.numbers[index] = toBigInt(numerals, start + leftNumerals, rightNumerals, radix);
  }

  writeBlocks(blocks: Buffer, round: number): void {
    const { halfBytes, lastBlocks } = this.#length;
    const { numbers } = round % 2 === 0 ? this.#right : this.#left;
    for (const [i, number] of numbers.entries()) {
      const at = i * lastBlocks.length;
      const changing = Buffer.from(round.toString(16).padStart(2, "0") + number.toString(16).padStart(2 * halfBytes, "0"), "hex");
      lastBlocks.copy(blocks, at);
      const from = at + lastBlocks.length - changing.length;
      for (const [j, byte] of changing.entries()) blocks[from + j] = (blocks[from + j] as number) ^ byte;
    }
  }

  advance(states: Buffer, round: number): void {
    const { numbers, modulus } = round % 2 === 0 ? this.#left : this.#right;
    for (const [i, output] of this.#outputs(states).entries()) {
      const changed = ((numbers[i] as bigint) + (this.#direction === "encrypt" ? output : -output)) % modulus;
      numbers[i] = changed < 0n ? changed + modulus : changed;
    }
  }

  give(index: number, numerals: Uint16Array, start: number): void {
    const { radix, leftNumerals, rightNumerals } = this.#length;
    fromBigInt(this.#left.numbers[index] as bigint, numerals, start, leftNumerals, radix);
    fromBigInt(this.#right.numbers[index] as bigint, numerals, start + leftNumerals, rightNumerals, radix);
  }

  /** S (step 6 iii): the state, then the state xored with 1, 2, ... and encrypted. */
  #outputs(states: Buffer): readonly bigint[] {
    const { outputBytes } = this.#length;
    const count = this.#left.numbers.length;
    const furtherBlocks = Math.ceil(outputBytes / blockLengthBytes) - 1;
    const counters = Buffer.alloc(count * furtherBlocks * blockLengthBytes);
    for (let i = 0, at = 0; i < count; i += 1) {
      for (let step = 1; step <= furtherBlocks; step += 1, at += blockLengthBytes) {
        states.copy(counters, at, i * blockLengthBytes, (i + 1) * blockLengthBytes);
        counters.writeUInt32BE((counters.readUInt32BE(at + 12) ^ step) >>> 0, at + 12);
      }
    }
    const further = (furtherBlocks === 0 ? counters : this.#encrypt(counters)).toString("hex");
    const hexOfFurther = 2 * furtherBlocks * blockLengthBytes;
    return Array.from({ length: count }, (_, i) => {
      const first = states.toString("hex", i * blockLengthBytes, (i + 1) * blockLengthBytes);
      return BigInt(`0x${(first + further.slice(i * hexOfFurther, (i + 1) * hexOfFurther)).slice(0, 2 * outputBytes)}`);
    });
  }
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
