import { MasklineError } from "../errors.ts";
import { parseAnyRing, requireRoots } from "../keys/any-ring.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { readOnly } from "../keys/ring-store.ts";
import { type KeyRing, parseKeyRing, serializeKeyRing } from "../keys/ring.ts";
import { openSealingContext, type SealingContext } from "../keys/sealing.ts";
import type { Batch } from "../pipeline/ports.ts";
import { sealedContent, sealedPlace } from "../pipeline/sealed-body.ts";
import type { Settings } from "./config/load.ts";
import { ringPlace } from "./keys/ring-place.ts";
import { openStoredRing } from "./keys/stored-ring.ts";
import { requireExpected } from "./masks.ts";

/** A ring and where it was found. */
export interface FoundRing {
  readonly ring: MaskKeys;
  /** The place and what protects the ring there, for people. */
  readonly described: string;
}

/**
 * The ring a configuration names, for masking and sealing: a full one or a writer's.
 * @throws MasklineError `key_mismatch` when it is not the one that `keyring.expect` tells
 */
export async function openKeyRing(settings: Settings): Promise<MaskKeys> {
  const { ring } = await findKeyRing(settings);
  requireExpected(settings.options.keyring?.expect, settings.columns, ring);
  return ring;
}

/** As `openKeyRing`, whatever is expected: for looking. */
export async function findKeyRing(settings: Settings): Promise<FoundRing> {
  const stored = await openStoredRing(ringPlace(settings));
  return { ring: parseAnyRing(stored.text), described: stored.describe() };
}

/**
 * The ring with its roots, for what a writer's ring cannot do.
 * @throws MasklineError `keyring_rootless`
 */
export async function openFullRing(settings: Settings): Promise<KeyRing> {
  const stored = await openStoredRing(ringPlace(settings));
  return requireRoots(parseAnyRing(stored.text));
}

/** A full ring and the way to put its next state in its place, for the commands that change keys. */
export interface ChangeableRing {
  readonly ring: KeyRing;
  /** Durable when it returns; refuses when someone else has changed the ring since it was read. */
  readonly save: (next: KeyRing) => Promise<void>;
}

/** @throws MasklineError `keyring_unwritable` where the ring cannot be written (an environment variable), `keyring_rootless` */
export async function openRingForChange(settings: Settings): Promise<ChangeableRing> {
  const stored = await openStoredRing(ringPlace(settings));
  const ring = requireRoots(parseAnyRing(stored.text));
  if (!stored.store.writable) throw readOnly(stored.store);
  const save = async (next: KeyRing): Promise<void> => {
    const text = serializeKeyRing(next);
    // a ring lost is all values lost: what could not be read again does not take its place
    parseKeyRing(text);
    await stored.replace(text);
  };
  return { ring, save };
}

/** Seals refused deliveries under the ring's public sealing key, one HPKE context a batch, opened by the first of them. */
export function sealing(settings: Settings, ring: MaskKeys): () => Batch["seal"] {
  const [current] = ring.sealing;
  if (current === undefined) throw noSealingKey();
  return () => {
    let context: Promise<SealingContext> | null = null;
    return async ({ delivery, id }) => {
      context ??= openSealingContext(current);
      return (await context).seal(sealedContent(delivery), sealedPlace(settings.pipeline, id));
    };
  };
}

export function noSealingKey(): MasklineError {
  return new MasklineError("keyring_malformed", "the key ring has no sealing key", { next: "maskline keys create" });
}
