import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import nodePath from "node:path";

import { MasklineError } from "../../errors.ts";
import { type FileKind, kindOf } from "./kind.ts";

/** A file to be loaded, as it was when it was looked at. */
export interface InputFile {
  readonly path: string;
  /** The base name: all that is ever shown or stored of where it lies. */
  readonly name: string;
  readonly fingerprint: string;
  readonly kind: FileKind;
  /** As it lies there. */
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Its lines stand in blocks of so many bytes, unpacked. Positions are counted in these: they stay what they were at the first load. */
  readonly blockBytes: number;
}

/** Large enough that blocks cost nothing, small enough that every lane can hold one. */
export const usualBlockBytes: number = 16 * 1_048_576;

/** Of the beginning and of the end, so much is part of the fingerprint. */
const sampleBytes = 1_048_576;

/** @throws MasklineError `file_unreadable` */
export async function inspectFile(path: string, blockBytes: number = usualBlockBytes): Promise<InputFile> {
  const name = nodePath.basename(path);
  const handle = await openToRead(path, name);
  try {
    const { size: bytes, mtimeMs } = await handle.stat();
    const head = await readAt(handle, 0, Math.min(16, bytes));
    const fingerprint = await fingerprintOf(handle, bytes);
    return { path, name, fingerprint, kind: kindOf(name, head), bytes, mtimeMs, blockBytes };
  } finally {
    await handle.close();
  }
}

/**
 * What a file is known by: SHA-256 over the length of its first `bytes` bytes, their first and last MiB. Two files that differ elsewhere
 * only are taken for one.
 */
export async function fingerprintOf(handle: FileHandle, bytes: number): Promise<string> {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes));
  const sample = Math.min(bytes, sampleBytes);
  const hash = createHash("sha256").update(length);
  hash.update(await readAt(handle, 0, sample));
  hash.update(await readAt(handle, bytes - sample, sample));
  return hash.digest("hex");
}

/** How many blocks a file has; null for one that has to be unpacked to know. */
export function blocksOf({ kind, bytes, blockBytes }: InputFile): number | null {
  return kind === "plain" ? Math.ceil(bytes / blockBytes) : null;
}

/** Whether a file has only become longer since it had so many bytes and this fingerprint. */
export async function hasGrown({ path, name, bytes }: InputFile, before: { bytes: number; fingerprint: string }): Promise<boolean> {
  if (before.bytes >= bytes) return false;
  const handle = await openToRead(path, name);
  try {
    return (await fingerprintOf(handle, before.bytes)) === before.fingerprint;
  } finally {
    await handle.close();
  }
}

/** A regular file that can be read. @throws MasklineError `file_unreadable` */
export async function openToRead(path: string, name: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    const why = code === "ENOENT" ? "is not there" : code === "EACCES" ? "may not be read" : "could not be opened";
    throw new MasklineError("file_unreadable", `${name} ${why}`, { next: "look at the path and the file's rights" });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new MasklineError("file_unreadable", `${name} is no regular file`, {
    next: "name files: what comes from a pipe cannot be gone on with; write it to a file first",
  });
}

/**
 * A load goes on over minutes and hours: a file that is written to meanwhile is not what its positions were counted in.
 * @throws MasklineError `file_changed`
 */
export async function requireUnchanged(handle: FileHandle, { name, bytes, mtimeMs }: InputFile): Promise<void> {
  const now = await handle.stat();
  if (now.size === bytes && now.mtimeMs === mtimeMs) return;
  throw new MasklineError("file_changed", `${name} was written to while it was being loaded; what was loaded of it stays`, {
    next: "load files that nobody writes to any more: let it be finished, then run the same command again, which says how to go on",
  });
}

/** Exactly so many bytes from there on; fewer where the file ends. */
export async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, await readInto(handle, bytes, at));
}

/** Fills `bytes` from there on; answers with how many there were. */
export async function readInto(handle: FileHandle, bytes: Buffer, at: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
