/**
 * The halves A and B of a group of numeral strings of one length, as numbers. Even rounds read the right half and change the left,
 * odd rounds the other way round, in both directions: what algorithms 7 and 8 of SP 800-38G call A and B swaps, the halves do not.
 */
export interface Ff1Halves {
  /** Takes string `index` of the group from its numerals. */
  take(index: number, numerals: Uint16Array, start: number): void;
  /** Puts the round's number and the half it reads into the last blocks of every string. `blocks` begins with those of the first. */
  writeBlocks(blocks: Buffer, round: number): void;
  /** Adds the pseudorandom output to the half the round changes, or subtracts it. `states` begins with the block of the first string. */
  advance(states: Buffer, round: number): void;
  /** Gives string `index` back as numerals. */
  give(index: number, numerals: Uint16Array, start: number): void;
}

export type Direction = "encrypt" | "decrypt";
