/** Whole numbers as hexadecimal digits, out of a table: there are six for each message. */
export class HexWords {
  readonly #words: readonly string[] = Array.from({ length: 65_536 }, (_, word) => word.toString(16).padStart(4, "0"));

  /** Of a number below 2^16. */
  four(word: number): string {
    return this.#words[word] as string;
  }

  /** Of a number below 2^32. */
  eight(word: number): string {
    return this.four(word >>> 16) + this.four(word & 0xffff);
  }
}
