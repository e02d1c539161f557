import { blockLengthBytes } from "./aes-block.ts";
import { wordsOf } from "./block-words.ts";

/** More than this is given back after use, so that one giant batch does not decide for ever what a mask holds. */
const keptBytes = 1 << 18;
const leastBytes = 64 * blockLengthBytes;

/**
 * Working memory that a mask keeps from batch to batch: allocating it anew would cost a single value more than its cipher does.
 * All zeros when nobody works in it. The same memory as bytes and as words of four: xors go by words, whatever the byte order.
 */
export class Scratch {
  bytes: Buffer;
  words: Int32Array;

  constructor() {
    this.bytes = Buffer.alloc(leastBytes);
    this.words = wordsOf(this.bytes);
  }

  /** Makes room for so many bytes. What is there stays. */
  reserve(lengthBytes: number): void {
    if (lengthBytes > this.bytes.length) this.#resize(Math.max(lengthBytes, this.bytes.length * 2));
  }

  /** Zeros what was used: it held plain values, and this memory outlives them. */
  release(usedBytes: number): void {
    this.bytes.fill(0, 0, usedBytes);
    if (this.bytes.length > keptBytes) this.#resize(leastBytes);
  }

  #resize(lengthBytes: number): void {
    const former = this.bytes;
    this.bytes = Buffer.alloc(Math.ceil(lengthBytes / blockLengthBytes) * blockLengthBytes);
    this.words = wordsOf(this.bytes);
    former.copy(this.bytes);
    former.fill(0);
  }
}
