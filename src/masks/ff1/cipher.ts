import { MasklineError } from "../../errors.ts";
import { type BlockFunction, blockLengthBytes, createBlockFunction } from "../aes-block.ts";
import { type BlockColumn, chainBlocks } from "../cmac.ts";
import { BigHalves } from "./big-halves.ts";
import { DoubleHalves, fitsDoubles } from "./double-halves.ts";
import type { Direction, Ff1Halves } from "./halves.ts";
import { type Ff1Length, ff1Length } from "./length.ts";

/** A column of numeral strings, end to end. String `i` is `numerals[offsets[i] .. offsets[i + 1]]`. */
export interface NumeralColumn {
  readonly numerals: Uint16Array;
  readonly offsets: Uint32Array;
}

/** FF1 with one key, radix and tweak, over whole columns. Every string keeps its length. */
export interface Ff1Cipher {
  encrypt(column: NumeralColumn): NumeralColumn;
  decrypt(column: NumeralColumn): NumeralColumn;
}

/** The big integers of a long string take time with the square of its length; what is longer than this is no identifier. */
export const longestNumerals = 1_024;
/** Of SP 800-38G as published in 2016. Its revision demands 10^6, and so does the mask. */
const smallestDomain = 100;
const rounds = 10;

/**
 * FF1 (NIST SP 800-38G, algorithms 7 and 8): encrypts a string of numerals below `radix` (2 to 2^16) to another of its length, with
 * a key of 16, 24 or 32 bytes. Strings of all lengths go through the rounds together, so that a column takes ten calls of the block
 * function however many there are; only strings too long for one block (56 digits, 36 letters and digits) add calls of their own.
 */
export function createFf1Cipher(key: Uint8Array, radix: number, tweak: Uint8Array): Ff1Cipher {
  if (![16, 24, 32].includes(key.length)) throw new MasklineError("internal", `an FF1 key of ${key.length} bytes`);
  if (!Number.isInteger(radix) || radix < 2 || radix > 2 ** 16) throw new MasklineError("internal", `an FF1 radix of ${radix}`);
  const encrypt = createBlockFunction(key);
  const lengths = new Map<number, Ff1Length>();
  const lengthOf = (numerals: number): Ff1Length => {
    const known = lengths.get(numerals);
    if (known !== undefined) return known;
    if (numerals > longestNumerals || radix ** numerals < smallestDomain) {
      throw new MasklineError("internal", `an FF1 string of ${numerals} numerals of radix ${radix}`);
    }
    const made = ff1Length(encrypt, radix, tweak, numerals);
    lengths.set(numerals, made);
    return made;
  };

  const run = (column: NumeralColumn, direction: Direction): NumeralColumn => {
    checkNumerals(column.numerals, radix);
    const { offsets } = column;
    const groups = groupByLength(column).map(({ numerals, members }): Group => {
      const length = lengthOf(numerals);
      const halves = fitsDoubles(length)
        ? new DoubleHalves(length, members.length, direction)
        : new BigHalves(length, members.length, direction, encrypt);
      return { length, members, halves };
    });
    for (const { members, halves } of groups) {
      for (let i = 0; i < members.length; i += 1) halves.take(i, column.numerals, offsets[members[i] as number] as number);
    }
    runRounds(groups, direction, encrypt);
    const numerals = new Uint16Array(column.numerals.length);
    for (const { members, halves } of groups) {
      for (let i = 0; i < members.length; i += 1) halves.give(i, numerals, offsets[members[i] as number] as number);
    }
    return { numerals, offsets };
  };
  return { encrypt: (column) => run(column, "encrypt"), decrypt: (column) => run(column, "decrypt") };
}

/** The strings of one length. */
interface Group {
  readonly length: Ff1Length;
  /** Where they stand in the column. */
  readonly members: readonly number[];
  readonly halves: Ff1Halves;
}

function groupByLength({ offsets }: NumeralColumn): { readonly numerals: number; readonly members: readonly number[] }[] {
  const groups = new Map<number, number[]>();
  for (let i = 0; i + 1 < offsets.length; i += 1) {
    const numerals = (offsets[i + 1] as number) - (offsets[i] as number);
    const members = groups.get(numerals);
    if (members === undefined) groups.set(numerals, [i]);
    else members.push(i);
  }
  return [...groups].map(([numerals, members]) => ({ numerals, members }));
}

/** The ten rounds of all groups at once, their blocks side by side. */
function runRounds(groups: readonly Group[], direction: Direction, encrypt: BlockFunction): void {
  const column = layOutGroups(groups);
  for (let step = 0; step < rounds; step += 1) {
    const round = direction === "encrypt" ? step : rounds - 1 - step;
    let first = 0;
    for (const { members, halves } of groups) {
      halves.writeBlocks(column.blocks.subarray((column.starts[first] as number) * blockLengthBytes), round);
      first += members.length;
    }
    const states = chainBlocks(encrypt, column);
    first = 0;
    for (const { members, halves } of groups) {
      halves.advance(states.subarray(first * blockLengthBytes), round);
      first += members.length;
    }
  }
}

/** The last blocks of every string, group after group. */
function layOutGroups(groups: readonly Group[]): BlockColumn {
  const starts = new Uint32Array(groups.reduce((count, { members }) => count + members.length, 0) + 1);
  let string = 0;
  for (const { length, members } of groups) {
    const end = string + members.length;
    for (; string < end; string += 1) starts[string + 1] = (starts[string] as number) + length.lastBlocks.length / blockLengthBytes;
  }
  const blocks = Buffer.alloc((starts[string] as number) * blockLengthBytes);
  let at = 0;
  for (const { length, members } of groups) {
    const end = at + members.length * length.lastBlocks.length;
    blocks.fill(length.lastBlocks, at, end);
    at = end;
  }
  return { blocks, starts };
}

/** A numeral out of range would be taken for another string. */
function checkNumerals(numerals: Uint16Array, radix: number): void {
  for (let i = 0; i < numerals.length; i += 1) {
    if ((numerals[i] as number) >= radix) throw new MasklineError("internal", `an FF1 numeral beyond radix ${radix}`);
  }
}
