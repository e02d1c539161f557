import { blockLengthBytes } from "./aes-block.ts";
import { Scratch } from "./scratch.ts";

const blockLengthShift = 4;

/**
 * A column of byte strings, laid out for AES: each value begins on a block of its own, an empty one has a block too, and zeros stand
 * behind a value up to the end of its last block. Filled and emptied over and over: arrays and memory may be longer than what is in use.
 */
export class ByteColumn {
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

  /** Zeros all of it: these may be plain values, in memory that stays. */
  clear(): void {
    this.blocks.release(Math.max(this.#end, this.blockCount * blockLengthBytes));
    this.count = 0;
    this.#end = 0;
  }
}

/** By a shift: this runs for every value, and a division takes as long as encrypting it does. */
function blocksOf(lengthBytes: number): number {
  return lengthBytes === 0 ? 1 : (lengthBytes + blockLengthBytes - 1) >>> blockLengthShift;
}

export function joinBytes(values: readonly Uint8Array[]): ByteColumn {
  const column = new ByteColumn();
  column.begin(values.length);
  for (const value of values) {
    const at = column.next(value.length);
    column.blocks.bytes.set(value, at);
    column.add(value.length);
  }
  return column;
}

/** The bytes of one value, where they are. */
export function bytesAt({ blocks, lengths, starts }: ByteColumn, index: number): Buffer {
  const start = (starts[index] as number) * blockLengthBytes;
  return blocks.bytes.subarray(start, start + (lengths[index] as number));
}
