import { type FileHandle, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";

import { MasklineError } from "../../errors.ts";
import { type KeyRing, parseKeyRing, serializeKeyRing } from "../ring.ts";

const ownerOnly = 0o600;
const groupAndOthers = 0o077;

/**
 * Reads a ring from a plain file, which must be its owner's alone.
 * @throws MasklineError `keyring_missing`, `keyring_exposed`, `keyring_malformed`
 */
export async function readKeyRingFile(path: string): Promise<KeyRing> {
  return parseKeyRing(await readRingText(path));
}

/** The text of a ring of either format. @throws MasklineError `keyring_missing`, `keyring_exposed` */
export async function readRingText(path: string): Promise<string> {
  const file = await openExisting(path);
  try {
    // Of the open file: the one looked at is the one read.
    const { mode } = await file.stat();
    // Windows has no such bits and reports all files as open to everyone.
    if (process.platform !== "win32" && (mode & groupAndOthers) !== 0) {
      throw new MasklineError("keyring_exposed", `key ring ${path} is open to other users of this machine (mode ${octal(mode)})`, {
        next: `chmod 600 ${path}`,
      });
    }
    return await readText(file, path);
  } finally {
    await file.close();
  }
}

/**
 * Writes a new ring, readable by its owner only and on disk when this returns. Never overwrites: a ring lost is all values lost.
 * @throws MasklineError `file_exists`, `keyring_unwritable`
 */
export async function createKeyRingFile(path: string, ring: KeyRing): Promise<void> {
  await createFile(path, serializeKeyRing(ring));
}

/** The same for a text with keys in it. */
export async function createFile(path: string, text: string): Promise<void> {
  const file = await createNew(path);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    // A part of a ring would only be in the way of the next try.
    await unlink(path);
    throw unwritable(path, error);
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}

async function openExisting(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw errorCode(error) === "ENOENT"
      ? new MasklineError("keyring_missing", `there is no key ring at ${path}`, { next: "maskline keys create" })
      : unreadable(path, error);
  }
}

async function createNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", ownerOnly);
  } catch (error) {
    if (errorCode(error) === "EEXIST") {
      throw new MasklineError("file_exists", `${path} is there already, and was not touched`, {
        next: "name another file; to use the ring that is there, nothing is needed",
      });
    }
    throw unwritable(path, error);
  }
}

async function readText(file: FileHandle, path: string): Promise<string> {
  try {
    return await file.readFile("utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The file's name is durable only when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function unreadable(path: string, error: unknown): MasklineError {
  return new MasklineError("keyring_missing", `key ring ${path} could not be read (${errorCode(error)})`, {
    next: "check the path and the rights of the file",
  });
}

function unwritable(path: string, error: unknown): MasklineError {
  return new MasklineError("keyring_unwritable", `key ring ${path} could not be written (${errorCode(error)})`, {
    next: "check the path and the rights of the directory",
  });
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, "0");
}
