import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";

import { MasklineError } from "../../errors.ts";
import type { RingStore } from "../ring-store.ts";
import { type KeyRing, serializeKeyRing } from "../ring.ts";
import { changedMeanwhile } from "./changed-meanwhile.ts";
import { fileErrorCode, readPrivateFile } from "./private-file.ts";

const ownerOnly = 0o600;

/** A ring in a file of its own, which must be its owner's alone. */
export function fileStore(path: string): RingStore {
  return {
    shown: path,
    plainMeans: "a plain file: meant for development",
    keepsHistory: false,
    writable: true,
    read: () => readRingText(path),
    create: (text) => createFile(path, text),
    replace: (text, previous) => replaceFile(path, text, previous),
  };
}

/**
 * Writes a new ring, plain.
 * @throws MasklineError `file_exists`, `keyring_unwritable`
 */
export async function createKeyRingFile(path: string, ring: KeyRing): Promise<void> {
  await createFile(path, serializeKeyRing(ring));
}

/** The text of a ring, whatever its format. @throws MasklineError `keyring_missing`, `keyring_exposed` */
async function readRingText(path: string): Promise<string> {
  return readPrivateFile({ name: "key ring", path, make: "maskline keys create" });
}

/**
 * A new file for a text with keys in it, readable by its owner only and on disk when this returns. Never overwrites: a ring lost is all
 * values lost.
 * @throws MasklineError `file_exists`, `keyring_unwritable`
 */
export async function createFile(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", ownerOnly).catch((error: unknown) => {
    if (fileErrorCode(error) !== "EEXIST") throw unwritable(path, error);
    throw new MasklineError("file_exists", `${path} is there already, and was not touched`, {
      next: "name another file; to use the ring that is there, nothing is needed",
    });
  });
  try {
    await closing(file, () => writeDurably(file, text));
    await syncDirectory(dirname(path));
  } catch (error) {
    // A part of a ring would only be in the way of the next try.
    await unlink(path);
    throw unwritable(path, error);
  }
}

/**
 * The new ring is written beside the old one and takes its name in one step. The file beside it, made only where there is none, also
 * keeps out everyone else who wants to change the ring: what is compared stays so until the name is taken.
 */
async function replaceFile(path: string, text: string, previous: string): Promise<void> {
  // the file itself: what a link points to is replaced, not the link
  const target = await realpath(path).catch((error: unknown) => {
    throw unwritable(path, error);
  });
  const beside = `${target}.new`;
  const file = await open(beside, "wx", ownerOnly).catch((error: unknown) => {
    if (fileErrorCode(error) !== "EEXIST") throw unwritable(path, error);
    throw new MasklineError(
      "keyring_unwritable",
      `key ring ${path} is being changed, or a change of it was cut off: ${beside} is there`,
      {
        next: `if no other maskline changes keys now, rm ${beside} and try again; the ring itself is whole`,
      },
    );
  });
  try {
    await closing(file, async () => {
      await keepOwner(file, target);
      await writeDurably(file, text);
    });
    if ((await readRingText(target)) !== previous) throw changedMeanwhile(path);
    await rename(beside, target);
  } catch (error) {
    await unlink(beside);
    throw error instanceof MasklineError ? error : unwritable(path, error);
  }
  await syncDirectory(dirname(target)).catch((error: unknown) => {
    throw unwritable(path, error);
  });
}

/** Root may change a ring that is another user's, who then still has to be able to read it. */
async function keepOwner(file: FileHandle, target: string): Promise<void> {
  if (process.platform === "win32") return;
  const [before, after] = await Promise.all([stat(target), file.stat()]);
  if (before.uid !== after.uid || before.gid !== after.gid) await file.chown(before.uid, before.gid);
  await file.chmod(before.mode & ownerOnly);
}

async function writeDurably(file: FileHandle, text: string): Promise<void> {
  await file.writeFile(text);
  await file.sync();
}

async function closing(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await file.close();
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

function unwritable(path: string, error: unknown): MasklineError {
  return new MasklineError("keyring_unwritable", `key ring ${path} could not be written (${fileErrorCode(error)})`, {
    next: "check the path and the rights of the directory",
  });
}
