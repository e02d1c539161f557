import { randomBytes } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import { parseAnyRing } from "../../keys/any-ring.ts";
import { kmsKeyName, type KeyringOptions } from "../../keys/options.ts";
import { readOnly, type RingStore } from "../../keys/ring-store.ts";
import { createKeyRing, serializeKeyRing } from "../../keys/ring.ts";
import { kmsWrapping, passphraseWrapping, plainWrapping, type Wrapping, type WrappingKind } from "../../keys/wrapping.ts";
import { openKeyService, openRingStore, type RingPlace } from "./ring-place.ts";
import { demandedWrapping, openStoredRing } from "./stored-ring.ts";

/** How a ring is to be wrapped. */
export type WrappingWish =
  | { readonly kind: "plain" }
  | { readonly kind: "passphrase"; readonly passphrase: string }
  | { readonly kind: "aws-kms"; readonly key: string };

export interface CreatedRing {
  readonly store: RingStore;
  readonly primaryId: number;
}

/** A new ring in a place where there is none. Nothing is overwritten. */
export async function createRing(place: RingPlace, wish: WrappingWish): Promise<CreatedRing> {
  const demanded = demandedWrapping(place.keyring);
  if (demanded !== null && demanded.kind !== wish.kind) {
    throw new MasklineError("usage", `keyring.${demanded.option} says otherwise: the ring would not open under it`, {
      next: `leave the flag out, or take keyring.${demanded.option} away`,
    });
  }
  const store = await openRingStore(place);
  if (!store.writable) throw readOnly(store);
  const ring = createKeyRing(randomBytes);
  const wrapping = await wrappingFor(place, wish, null);
  await store.create(await wrapping.wrap(serializeKeyRing(ring)));
  return { store, primaryId: ring.primaryId };
}

export interface RewrappedRing {
  readonly store: RingStore;
  readonly before: WrappingKind;
  readonly wish: WrappingWish;
}

/**
 * The same ring in another wrapping. Its text stays as it is, and so does every token.
 * @param decide asked once the ring is open: a passphrase may have to be typed for that, and another for this
 */
export async function rewrapRing(place: RingPlace, decide: () => Promise<WrappingWish>): Promise<RewrappedRing> {
  const stored = await openStoredRing(place, { anyWrapping: true });
  if (!stored.store.writable) throw readOnly(stored.store);
  // what is no ring should not come to look like one that is only locked
  parseAnyRing(stored.text);
  const before = stored.wrapping;
  const wish = await decide();
  if (place.keyring.from.startsWith("aws-kms:") && wish.kind !== "aws-kms") {
    throw new MasklineError("usage", "a ring in aws-kms: is wrapped by KMS, or would not open", {
      next: "write keyring.from: file:PATH first",
    });
  }
  await stored.replace(stored.text, await wrappingFor(place, wish, before.ring));
  return { store: stored.store, before: before.kind, wish };
}

/** A KMS key as a command line names it. */
export function readKmsKey(name: string): string {
  if (new RegExp(kmsKeyName).test(name)) return name;
  throw new MasklineError("usage", "--kms-key takes the ARN, the id or alias/NAME of an AWS KMS key");
}

async function wrappingFor(place: RingPlace, wish: WrappingWish, knownAs: string | null): Promise<Wrapping> {
  switch (wish.kind) {
    case "plain":
      return plainWrapping;
    case "passphrase":
      return passphraseWrapping(wish.passphrase, randomBytes);
    case "aws-kms":
      return kmsWrapping(await openKeyService(place), wish.key, knownAs, randomBytes);
  }
}

/** What the configuration has to say of a ring that is wrapped so, where it does not say it yet; null when it does. */
export function neededOptions(keyring: KeyringOptions, wish: WrappingWish): string | null {
  const demanded = demandedWrapping(keyring);
  const { from } = keyring;
  switch (wish.kind) {
    case "plain":
      return demanded === null ? null : `take ${demanded.option} out of keyring: the ring is plain now`;
    case "passphrase":
      return demanded?.kind === "passphrase" ? null : `keyring: { from: ${from}, passphrase: "\${KEYRING_PASSPHRASE}" }`;
    case "aws-kms":
      return keyring.kms_key === wish.key ? null : `keyring: { from: ${from}, kms_key: ${wish.key} }`;
  }
}
