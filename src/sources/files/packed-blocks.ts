import { createReadStream } from "node:fs";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";

import { MasklineError } from "../../errors.ts";
import { type BlockBuffers, spareBytes } from "./block-buffers.ts";
import type { BlockBytes } from "./block.ts";
import { type InputFile, openToRead, requireUnchanged } from "./input-file.ts";
import { markLength } from "./plain-block.ts";

const newline = 0x0a;
const readBytes = 1_048_576;
const unpackedBytes = 1_048_576;

/** What is wanted of a packed file. */
export interface PackedPlan {
  readonly file: InputFile;
  /** The position from which a block is wanted; null to go past it. Asked for each block in turn, when the file has come there. */
  readonly wants: (number: number) => Promise<number | null>;
  /** Of a longer line at a block's end no more than its beginning may be there. */
  readonly longestLine: number;
  readonly buffers: BlockBuffers;
  /** The file was unpacked to its end: it has so many blocks. */
  readonly ended: (blocks: number) => Promise<void>;
}

/**
 * The wanted blocks of a compressed file, in its order: it can only be read from its start. Holds the block it is at and the one before,
 * until its last line has ended.
 * @throws MasklineError `file_damaged`, `file_changed`, `file_unreadable`
 */
export async function* packedBlocks(plan: PackedPlan): AsyncGenerator<BlockBytes> {
  const cutter = new BlockCutter(plan);
  const handle = await openToRead(plan.file.path, plan.file.name);
  try {
    for await (const { bytes, diskBytes } of unpack(plan.file)) {
      for (let at = 0; at < bytes.length;) {
        at += await cutter.put(bytes.subarray(at), diskBytes);
        for (const whole of cutter.takeWhole()) {
          await requireUnchanged(handle, plan.file);
          yield whole;
        }
      }
    }
    await requireUnchanged(handle, plan.file);
    yield* cutter.end();
    await plan.ended(cutter.blocks);
  } finally {
    await handle.close();
  }
}

interface Unpacked {
  readonly bytes: Buffer;
  /** Up to where the file has been read for it. */
  readonly diskBytes: number;
}

/** Every member of a file: a decompressor ends with the first that ends inside a chunk, and silently leaves what follows. */
async function* unpack(file: InputFile): AsyncGenerator<Unpacked> {
  for (let at = 0; at < file.bytes;) {
    const member =
      file.kind === "gzip" ? createGunzip({ chunkSize: unpackedBytes }) : createZstdDecompress({ chunkSize: unpackedBytes });
    yield* unpackMember(file, at, member);
    if (member.bytesWritten === 0) throw damaged(file);
    at += member.bytesWritten;
    // gzip goes on to the next member by itself, and leaves only what cannot be one: padding
    if (file.kind === "gzip") return;
  }
}

async function* unpackMember(file: InputFile, at: number, member: Gunzip | ZstdDecompress): AsyncGenerator<Unpacked> {
  const source = createReadStream(file.path, { start: at, highWaterMark: readBytes });
  source.on("error", () => member.destroy(unreadable(file)));
  source.pipe(member);
  try {
    for await (const bytes of member as AsyncIterable<Buffer>) yield { bytes, diskBytes: at + member.bytesWritten };
  } catch (error) {
    throw error instanceof MasklineError ? error : damaged(file);
  } finally {
    source.destroy();
    member.destroy();
  }
}

function damaged({ name }: InputFile): MasklineError {
  return new MasklineError("file_damaged", `${name} is damaged or ends too early; the lines before that are loaded`, {
    next: "get a whole copy of it: a copy that differs is another file, whose lines count as new (see docs/backfill.md)",
  });
}

function unreadable({ name }: InputFile): MasklineError {
  return new MasklineError("file_unreadable", `${name} could not be read to its end`, {
    next: "look at the disk, and run it again",
  });
}

/** A block whose last line has not ended yet. */
interface OpenEnd {
  readonly block: BlockBytes;
  readonly tail: Buffer[];
  /** How long the line is so far. */
  lineBytes: number;
}

/** Cuts what is unpacked into blocks. */
class BlockCutter {
  readonly #plan: PackedPlan;
  #number = 0;
  /** Of the block it is at: how many bytes have come, and where they are kept if it is wanted. */
  #filled = 0;
  #buffer: Buffer | null = null;
  #next: number | null = null;
  #startsMidLine = false;
  #lastByte = newline;
  #diskBytes = 0;
  #startDiskBytes = 0;
  #openEnd: OpenEnd | null = null;
  readonly #whole: BlockBytes[] = [];

  constructor(plan: PackedPlan) {
    this.#plan = plan;
  }

  get blocks(): number {
    return this.#number + (this.#filled > 0 ? 1 : 0);
  }

  /** Takes the beginning of `bytes`, at most up to where the block ends; answers with how much that was. */
  async put(bytes: Buffer, diskBytes: number): Promise<number> {
    const { blockBytes } = this.#plan.file;
    if (this.#filled === 0) await this.#begin();
    this.#diskBytes = diskBytes;
    const taken = bytes.subarray(0, blockBytes - this.#filled);
    if (this.#openEnd !== null) this.#lengthen(this.#openEnd, taken);
    if (this.#buffer !== null) taken.copy(this.#buffer, this.#filled);
    this.#filled += taken.length;
    this.#lastByte = taken[taken.length - 1] as number;
    if (this.#filled === blockBytes) this.#close();
    return taken.length;
  }

  /** Blocks that are whole since it was asked last. */
  takeWhole(): readonly BlockBytes[] {
    return this.#whole.splice(0);
  }

  /** What is left at the end of the file. */
  end(): readonly BlockBytes[] {
    if (this.#openEnd !== null) this.#endLine(this.#openEnd);
    const last = this.#filled === 0 ? null : this.#block();
    return [...this.takeWhole(), ...(last === null ? [] : [last])];
  }

  async #begin(): Promise<void> {
    this.#next = await this.#plan.wants(this.#number);
    this.#buffer = this.#next === null ? null : this.#plan.buffers.take(this.#plan.file.blockBytes + spareBytes);
    this.#startsMidLine = this.#lastByte !== newline;
  }

  #close(): void {
    const block = this.#block();
    if (block !== null) {
      const { bytes } = block;
      // without a line of its own it is whole, although the line that runs through it has not ended
      if (bytes.length === 0 || this.#lastByte === newline) this.#whole.push(block);
      else this.#openEnd = { block, tail: [], lineBytes: bytes.length - (bytes.lastIndexOf(newline) + 1) };
    }
    this.#number += 1;
    this.#filled = 0;
    this.#startDiskBytes = this.#diskBytes;
  }

  /** The wanted lines of the block it is at; null where none is wanted. */
  #block(): BlockBytes | null {
    const { file } = this.#plan;
    const next = this.#next;
    if (this.#buffer === null || next === null) return null;
    const filled = this.#buffer.subarray(0, this.#filled);
    const origin = next > 0 ? next : this.#number === 0 ? markLength(filled) : this.#startsMidLine ? firstLine(filled) : 0;
    const diskBytes = this.#diskBytes - this.#startDiskBytes;
    const buffer = this.#buffer;
    return { file, number: this.#number, next, bytes: filled.subarray(origin), buffer, origin, diskBytes };
  }

  #lengthen(open: OpenEnd, part: Buffer): void {
    const end = part.indexOf(newline);
    const more = end < 0 ? part : part.subarray(0, end + 1);
    // of a line that is too long already only its end counts
    if (open.lineBytes <= this.#plan.longestLine) open.tail.push(Buffer.from(more));
    open.lineBytes += more.length;
    if (end >= 0) this.#endLine(open);
  }

  #endLine({ block, tail }: OpenEnd): void {
    const end = Buffer.concat(tail);
    const filled = this.#plan.file.blockBytes;
    const fits = filled + end.length <= block.buffer.length;
    const bytes = fits ? appended(block, filled, end) : Buffer.concat([block.bytes, end]);
    this.#whole.push({ ...block, bytes });
    this.#openEnd = null;
  }
}

function appended({ buffer, origin }: BlockBytes, filled: number, end: Buffer): Buffer {
  end.copy(buffer, filled);
  return buffer.subarray(origin, filled + end.length);
}

function firstLine(filled: Buffer): number {
  const end = filled.indexOf(newline);
  return end < 0 ? filled.length : end + 1;
}
