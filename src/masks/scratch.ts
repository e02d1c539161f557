import { blockLengthBytes } from "./aes-block.ts";
import { wordsOf } from "./block-words.ts";

/** More than this is given back after use, so that one giant batch does not decide for ever what a mask holds. */
const keptBytes = 1 << 18;
const leastBytes = 64 * blockLengthBytes;

/**
 * Working memory that a mask keeps from batch to batch: to allocate it anew each time would cost a single value more than its cipher
 * does. The same memory as bytes and as words of four; zeros at first.
 */
export class Scratch {
  bytes: Buffer = Buffer.alloc(leastBytes);
  words: Int32Array = wordsOf(this.bytes);

  /** Makes room for so many bytes. What is there stays. */
  reserve(lengthBytes: number): void {
    if (lengthBytes <= this.bytes.length) return;
    const former = this.bytes;
    this.#replace(Math.max(lengthBytes, former.length * 2));
    former.copy(this.bytes);
    former.fill(0);
  }

  /**
   * Done with it. The first `usedBytes` become zeros again: where plain values were, they would outlive their batch. (What the runtime
   * allocates by itself, the values' own strings and the outputs of ciphers, dies with its batch and is left to the collector.)
   */
  release(usedBytes: number): void {
    this.bytes.fill(0, 0, usedBytes);
    if (this.bytes.length > keptBytes) this.#replace(leastBytes);
  }

  #replace(lengthBytes: number): void {
    this.bytes = Buffer.alloc(Math.ceil(lengthBytes / blockLengthBytes) * blockLengthBytes);
    this.words = wordsOf(this.bytes);
  }
}
