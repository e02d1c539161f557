import { MasklineError } from "../errors.ts";
import { KeyRing, parseKeyRing } from "./ring.ts";
import { parseJson } from "./strict-json.ts";
import { parseWriterRing, writerFormat } from "./writer-ring-file.ts";
import type { WriterKeyRing } from "./writer-ring.ts";

/**
 * A ring of either format, by what its text says it is.
 * @throws MasklineError `keyring_malformed`
 */
export function parseAnyRing(text: string): KeyRing | WriterKeyRing {
  const file = parseJson(text);
  const isWriters = typeof file === "object" && file !== null && "format" in file && file.format === writerFormat;
  return isWriters ? parseWriterRing(text) : parseKeyRing(text);
}

/**
 * For what cannot be done without the roots or the private sealing key.
 * @throws MasklineError `keyring_rootless`
 */
export function requireRoots(ring: KeyRing | WriterKeyRing): KeyRing {
  if (ring instanceof KeyRing) return ring;
  throw new MasklineError("keyring_rootless", "this is a writer's key ring: it holds neither roots nor the private sealing key", {
    next: "name the full ring it was exported from: --set keyring=file:FILE",
  });
}
