import { type FileHandle, open } from "node:fs/promises";

import { MasklineError } from "../../errors.ts";

const groupAndOthers = 0o077;

/** A file with a secret in it, as errors call it and as the user gets one. */
export interface PrivateFile {
  /** "key ring", "passphrase file" */
  readonly name: string;
  readonly path: string;
  /** What to type when there is none. */
  readonly make: string;
}

/**
 * The text of a file that must be its owner's alone.
 * @throws MasklineError `keyring_missing`, `keyring_exposed`
 */
export async function readPrivateFile(wanted: PrivateFile): Promise<string> {
  const { name, path } = wanted;
  const file = await openExisting(wanted);
  try {
    // Of the open file: the one looked at is the one read.
    const { mode } = await file.stat();
    // Windows has no such bits and reports all files as open to everyone.
    if (process.platform !== "win32" && (mode & groupAndOthers) !== 0) {
      throw new MasklineError("keyring_exposed", `${name} ${path} is open to other users of this machine (mode ${octal(mode)})`, {
        next: `chmod 600 ${path}`,
      });
    }
    return await file.readFile("utf8");
  } catch (error) {
    throw error instanceof MasklineError ? error : unreadable(wanted, error);
  } finally {
    await file.close();
  }
}

async function openExisting(wanted: PrivateFile): Promise<FileHandle> {
  const { name, path, make } = wanted;
  try {
    return await open(path, "r");
  } catch (error) {
    throw fileErrorCode(error) === "ENOENT"
      ? new MasklineError("keyring_missing", `there is no ${name} at ${path}`, { next: make })
      : unreadable(wanted, error);
  }
}

function unreadable({ name, path }: PrivateFile, error: unknown): MasklineError {
  return new MasklineError("keyring_missing", `${name} ${path} could not be read (${fileErrorCode(error)})`, {
    next: "check the path and the rights of the file",
  });
}

/** The system's short code, ENOENT and its kind: its text holds paths only, but is not ours. */
export function fileErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, "0");
}
