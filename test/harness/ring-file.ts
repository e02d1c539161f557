import { fileStore } from "../../src/keys/providers/file.ts";
import { type KeyRing, parseKeyRing } from "../../src/keys/ring.ts";

/** The text of a ring in a file, read as the product reads it. */
export function readRingText(path: string): Promise<string> {
  return fileStore(path).read();
}

/** A plain ring with its roots. */
export async function readKeyRingFile(path: string): Promise<KeyRing> {
  return parseKeyRing(await readRingText(path));
}
