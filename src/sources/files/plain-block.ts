import type { FileHandle } from "node:fs/promises";

import { type BlockBuffers, spareBytes } from "./block-buffers.ts";
import type { BlockBytes } from "./block.ts";
import { type InputFile, openToRead, readInto, requireUnchanged } from "./input-file.ts";

const newline = 0x0a;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

export interface BlockPlace {
  readonly file: InputFile;
  readonly number: number;
  readonly next: number;
}

/**
 * Reads a block of a plain file from its position on: the lines that begin in it, whole.
 * @param longestLine of a longer line at the block's end no more than its beginning may be there
 * @throws MasklineError `file_changed`, `file_unreadable`
 */
export async function readPlainBlock(place: BlockPlace, longestLine: number, buffers: BlockBuffers): Promise<BlockBytes> {
  const { file, number, next } = place;
  const { blockBytes } = file;
  const blockStart = number * blockBytes;
  const blockEnd = Math.min(blockStart + blockBytes, file.bytes);
  // of one that was not begun, with the byte before it, which says whether a line begins with the block
  const from = next > 0 || number === 0 ? blockStart + next : blockStart - 1;
  const handle = await openToRead(file.path, file.name);
  try {
    await requireUnchanged(handle, file);
    const wanted = blockEnd - from + spareBytes;
    const buffer = buffers.take(wanted);
    const read = buffer.subarray(0, await readInto(handle, buffer.subarray(0, wanted), from));
    const length = Math.min(read.length, blockEnd - from);
    const begin = from < blockStart ? firstLine(read, length) : number + next === 0 ? markLength(read) : 0;
    const bytes = begin === length ? read.subarray(0, 0) : await withLastLine(handle, read, length, from, longestLine);
    await requireUnchanged(handle, file);
    const diskBytes = blockEnd - Math.max(from, blockStart);
    return { ...place, bytes: bytes.subarray(begin), buffer, origin: from + begin - blockStart, diskBytes };
  } finally {
    await handle.close();
  }
}

/** The mark that some programs put at the start of a file is no part of its first line. */
export function markLength(start: Buffer): number {
  return start.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0;
}

/** Behind the end of the line that began earlier; `length` where no line begins. */
function firstLine(read: Buffer, length: number): number {
  const end = read.indexOf(newline);
  return end < 0 || end >= length ? length : end + 1;
}

/** What was read, up to the end of the line that is not at its end after `length` bytes. */
async function withLastLine(handle: FileHandle, read: Buffer, length: number, from: number, longestLine: number): Promise<Buffer> {
  if (read[length - 1] === newline) return read.subarray(0, length);
  const end = read.indexOf(newline, length);
  if (end >= 0) return read.subarray(0, end + 1);
  const parts = [read];
  const lastLine = read.lastIndexOf(newline) + 1;
  for (let at = read.length; at - lastLine <= longestLine; at += spareBytes) {
    const part = Buffer.allocUnsafe(spareBytes);
    const filled = await readInto(handle, part, from + at);
    const found = part.subarray(0, filled).indexOf(newline);
    parts.push(part.subarray(0, found < 0 ? filled : found + 1));
    if (found >= 0 || filled < spareBytes) break;
  }
  return Buffer.concat(parts);
}
