import { open } from "node:fs/promises";

import { MasklineError } from "../../errors.ts";
import { type ReadCertificate, readCertificate } from "../../recovery/certificate-reading.ts";

/** Some hundred times what an erasure writes. */
const longestBytes = 1_048_576;

/** @throws MasklineError `file_unreadable` where there is no such file, or it is no certificate */
export async function openCertificate(path: string): Promise<ReadCertificate> {
  const text = await readWhole(path);
  const certificate = text === null ? null : readCertificate(text);
  if (certificate !== null) return certificate;
  throw new MasklineError("file_unreadable", `${path} is no certificate of an erasure`, {
    next: "name the file as it was handed over: all that maskline erase has printed, and nothing else",
  });
}

/** Null for what is too long, or no UTF-8. */
async function readWhole(path: string): Promise<string | null> {
  try {
    await using file = await open(path);
    const bytes = Buffer.alloc(longestBytes + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      ({ bytesRead: read } = await file.read(bytes, length, bytes.length - length));
    }
    if (length > longestBytes) return null;
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
  } catch (error) {
    if (error instanceof TypeError) return null;
    const code: unknown = error instanceof Error && "code" in error ? error.code : null;
    if (typeof code !== "string") throw error;
    throw new MasklineError("file_unreadable", `${path} cannot be read (${code})`, {
      next: "name the file that maskline erase has printed",
    });
  }
}
