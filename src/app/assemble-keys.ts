import { MasklineError } from "../errors.ts";
import { readKeyRingFile } from "../keys/providers/file.ts";
import type { KeyRing } from "../keys/ring.ts";
import { openSealingContext, type SealingContext } from "../keys/sealing.ts";
import type { Batch } from "../pipeline/ports.ts";
import { sealedContent, sealedPlace } from "../pipeline/sealed-body.ts";
import { fileBeside, missingOption, type Settings } from "./config/load.ts";

/** The file behind `keyring: file:...`. */
export function keyRingFile(settings: Settings): string {
  const { keyring } = settings.options;
  if (keyring === undefined) throw missingOption(settings, "keyring");
  return fileBeside(settings, keyring.replace(/^file:/, ""));
}

export async function openKeyRing(settings: Settings): Promise<KeyRing> {
  return readKeyRingFile(keyRingFile(settings));
}

/** Seals refused deliveries under the ring's public sealing key, one HPKE context a batch, opened by the first of them. */
export function sealing(settings: Settings, ring: KeyRing): () => Batch["seal"] {
  const [current] = ring.sealing;
  if (current === undefined)
    throw new MasklineError("keyring_malformed", "the key ring has no sealing key", { next: "maskline keys create" });
  return () => {
    let context: Promise<SealingContext> | null = null;
    return async (delivery) => {
      context ??= openSealingContext(current);
      return (await context).seal(sealedContent(delivery), sealedPlace(settings.pipeline, delivery));
    };
  };
}
