import { open, readFile, rm } from "node:fs/promises";

import { MasklineError } from "../../errors.ts";
import { readIdentity, readRecipient } from "../../keys/recipient.ts";
import { longestPart, openSealedStream, sealStreamTo } from "../../keys/sealed-stream.ts";

/** A file that only its recipient can read. */
export interface SealedFile {
  /** The public key, in hexadecimal digits. */
  readonly recipient: string;
  write(text: string): Promise<void>;
  /** Whole and durable when it returns. */
  finish(): Promise<void>;
  /** Takes it away again. */
  discard(): Promise<void>;
}

const keyForms = "an X25519 key: 32 bytes in hexadecimal digits or base64, or in PEM";

/**
 * Creates a file for whoever has the private half of `recipient`.
 * @param recipient a public key, or the name of a file that holds it
 * @throws MasklineError `file_exists`, `usage`
 */
export async function createSealedFile(file: string, recipient: string): Promise<SealedFile> {
  const key = await recipientKey(recipient);
  const sealer = await sealStreamTo(key);
  const handle = await open(file, "wx", 0o600).catch((error: unknown) => {
    throw notCreated(file, error);
  });
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const discard = async (): Promise<void> => {
    await handle.close().catch(() => {});
    await rm(file, { force: true });
  };
  const writing = async (bytes: Uint8Array): Promise<void> => {
    await handle.appendFile(bytes).catch(() => {
      throw unwritable(file);
    });
  };
  /** All but what fits into the last part. */
  const flush = async (): Promise<void> => {
    let bytes = Buffer.concat(waiting);
    for (; bytes.length > longestPart; bytes = bytes.subarray(longestPart))
      await writing(await sealer.seal(bytes.subarray(0, longestPart), false));
    waiting = [bytes];
    waitingBytes = bytes.length;
  };
  try {
    await writing(sealer.head);
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    recipient: key.toString("hex"),
    async write(text) {
      const bytes = Buffer.from(text);
      waiting.push(bytes);
      waitingBytes += bytes.length;
      if (waitingBytes > longestPart) await flush();
    },
    async finish() {
      await writing(await sealer.seal(Buffer.concat(waiting), true));
      // a disk that is full may say so only now
      await handle.sync().catch(() => {
        throw unwritable(file);
      });
      await handle.close();
    },
    discard,
  };
}

/** What stands in such a file. @param identity a file with the private key */
export async function* openSealedFile(file: string, identity: string): AsyncGenerator<Buffer> {
  const pair = readIdentity(await textOf(identity));
  if (pair === null)
    throw new MasklineError("usage", `${identity} holds no private key`, { next: `--identity FILE with ${keyForms}` });
  const handle = await open(file, "r").catch(() => {
    throw new MasklineError("file_unreadable", `${file} cannot be read`, { next: "name the file that maskline reveal --to wrote" });
  });
  yield* openSealedStream(pair, handle.createReadStream());
}

async function recipientKey(recipient: string): Promise<Buffer> {
  const key = readRecipient(recipient) ?? readRecipient(await textOf(recipient));
  if (key === null) throw new MasklineError("usage", "--to names no public key", { next: `--to KEY or FILE with ${keyForms}` });
  return key;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch {
    throw new MasklineError("usage", "a key was named that is neither one nor a file that can be read", {
      next: `give ${keyForms}`,
    });
  }
}

function notCreated(file: string, error: unknown): MasklineError {
  const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
  if (exists) return new MasklineError("file_exists", `${file} is there already`, { next: "name another file with --out" });
  return new MasklineError("usage", `${file} cannot be created`, { next: "name a file in a folder that you may write to" });
}

function unwritable(file: string): MasklineError {
  return new MasklineError("file_unwritable", `${file} could not be written to its end`, {
    next: "make room, or name another --out",
  });
}
