import { blockLengthBytes } from "./aes-block.ts";
import { Scratch } from "./scratch.ts";

/**
 * A column of byte strings, laid out for AES: each value begins on a block of its own, an empty one has a block too, and zeros stand
 * behind a value up to the end of its last block. Filled and emptied over and over.
 */
export class BlockColumn {
  /** How many values there are. */
  count = 0;
  /** The blocks of value `i` are `starts[i] .. starts[i + 1]`. */
  starts: Uint32Array = new Uint32Array(2);
  /** In bytes. */
  lengths: Uint32Array = new Uint32Array(1);
  readonly blocks: Scratch = new Scratch();
  /** How far the value may reach that was written last. */
  #end = 0;

  get blockCount(): number {
    return this.starts[this.count] as number;
  }

  /** Begins a column of up to so many values. */
  begin(values: number): void {
    this.clear();
    if (values <= this.lengths.length) return;
    this.starts = new Uint32Array(values + 1);
    this.lengths = new Uint32Array(values);
  }

  /** Where the next value is to be written, with room for so many bytes. Written and not added, it is to be discarded. */
  next(longestBytes: number): number {
    const at = this.blockCount * blockLengthBytes;
    this.#end = at + longestBytes;
    this.blocks.reserve(this.#end + blockLengthBytes);
    return at;
  }

  /** The next value has been written, so many bytes of it. */
  add(lengthBytes: number): void {
    const { count } = this;
    this.lengths[count] = lengthBytes;
    this.starts[count + 1] = (this.starts[count] as number) + blocksOf(lengthBytes);
    this.count = count + 1;
  }

  discard(): void {
    this.blocks.bytes.fill(0, this.blockCount * blockLengthBytes, this.#end);
  }

  push(value: Uint8Array): void {
    this.blocks.bytes.set(value, this.next(value.length));
    this.add(value.length);
  }

  at(index: number): Buffer {
    const start = (this.starts[index] as number) * blockLengthBytes;
    return this.blocks.bytes.subarray(start, start + (this.lengths[index] as number));
  }

  clear(): void {
    this.blocks.release(Math.max(this.#end, this.blockCount * blockLengthBytes));
    this.count = 0;
    this.#end = 0;
  }
}

export function columnOf(values: readonly Uint8Array[]): BlockColumn {
  const column = new BlockColumn();
  column.begin(values.length);
  for (const value of values) column.push(value);
  return column;
}

function blocksOf(lengthBytes: number): number {
  return lengthBytes === 0 ? 1 : (lengthBytes + blockLengthBytes - 1) >>> 4;
}
