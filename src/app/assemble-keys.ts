import { MasklineError } from "../errors.ts";
import { parseAnyRing, requireRoots } from "../keys/any-ring.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { readRingText } from "../keys/providers/file.ts";
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

/** The ring a configuration names, for masking and sealing: a full one or a writer's. */
export async function openKeyRing(settings: Settings): Promise<MaskKeys> {
  return parseAnyRing(await readRingText(keyRingFile(settings)));
}

/**
 * The ring with its roots, for what a writer's ring cannot do.
 * @throws MasklineError `keyring_rootless`
 */
export async function openFullRing(settings: Settings): Promise<KeyRing> {
  return requireRoots(parseAnyRing(await readRingText(keyRingFile(settings))));
}

/** A full ring and the way to put its next state in its place, for the commands that change keys. */
export interface ChangeableRing {
  readonly ring: KeyRing;
  /** Durable when it returns; refuses when someone else has changed the ring since it was read. */
  readonly save: (next: KeyRing) => Promise<void>;
}

/** @throws MasklineError `keyring_unwritable` where the ring cannot be written (an environment variable), `keyring_rootless` */
export async function openRingForChange(settings: Settings): Promise<ChangeableRing> {
  const ring = await openFullRing(settings);
  return { ring, save: () => Promise.reject(new MasklineError("internal", "not built yet")) };
}

/** Seals refused deliveries under the ring's public sealing key, one HPKE context a batch, opened by the first of them. */
export function sealing(settings: Settings, ring: MaskKeys): () => Batch["seal"] {
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
