import { randomBytes } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import type { KeyringOptions } from "../../keys/options.ts";
import type { RingStore } from "../../keys/ring-store.ts";
import { readWrapped, unwrap, type Wrapping, type WrappingKind } from "../../keys/wrapping.ts";
import { findPassphrase, openKeyService, openRingStore, type RingPlace } from "./ring-place.ts";

/** A ring's text as it was found, opened, and the way to put another in its place. Private fields: it can be printed without harm. */
export class StoredRing {
  readonly store: RingStore;
  readonly wrapping: Wrapping;
  #text: string;
  /** What lies in the store. */
  #stored: string;

  constructor(store: RingStore, wrapping: Wrapping, text: string, stored: string) {
    this.store = store;
    this.wrapping = wrapping;
    this.#text = text;
    this.#stored = stored;
  }

  /** The ring itself, secrets included. */
  get text(): string {
    return this.#text;
  }

  /** The place and what protects the ring there, for people. */
  describe(): string {
    const { kind, key } = this.wrapping;
    return `${this.store.shown}, ${kind === "plain" ? this.store.plainMeans : describeWrapping(kind, key)}`;
  }

  /**
   * Puts a text in the ring's place, wrapped anew.
   * @throws MasklineError `keyring_unwritable` when someone else has changed the ring since it was read or last replaced
   */
  async replace(text: string, wrapping: Wrapping = this.wrapping): Promise<void> {
    const stored = await wrapping.wrap(text);
    await this.store.replace(stored, this.#stored);
    this.#stored = stored;
    this.#text = text;
  }
}

export function describeWrapping(kind: WrappingKind, key: string | null): string {
  switch (kind) {
    case "plain":
      return "plain";
    case "passphrase":
      return "wrapped by a passphrase";
    case "aws-kms":
      return `wrapped by KMS key ${key}`;
  }
}

/**
 * Reads and opens the ring of a place. The configuration's word on how it is wrapped is held: a ring that was exchanged for a plain one
 * is not taken.
 * @param anyWrapping for who is about to change just that
 */
export async function openStoredRing(
  place: RingPlace,
  { anyWrapping = false }: { readonly anyWrapping?: boolean } = {},
): Promise<StoredRing> {
  const store = await openRingStore(place);
  const stored = await store.read();
  const wrapped = readWrapped(stored);
  if (!anyWrapping) requireWrapping(place.keyring, wrapped.kind, store.shown);
  const unlocking = {
    passphrase: () => findPassphrase(place),
    keyService: () => openKeyService(place),
    kmsKey: anyWrapping ? null : (place.keyring.kms_key ?? null),
  };
  const [text, wrapping] = await unwrap(stored, wrapped, unlocking, randomBytes);
  return new StoredRing(store, wrapping, text, stored);
}

/** The option of `keyring` that says how the ring must be wrapped, and how; null where none does. */
export function demandedWrapping({ from, passphrase, passphrase_file, kms_key }: KeyringOptions): {
  readonly option: string;
  readonly kind: WrappingKind;
} | null {
  if (kms_key !== undefined) return { option: "kms_key", kind: "aws-kms" };
  if (from.startsWith("aws-kms:")) return { option: "from", kind: "aws-kms" };
  if (passphrase !== undefined) return { option: "passphrase", kind: "passphrase" };
  return passphrase_file === undefined ? null : { option: "passphrase_file", kind: "passphrase" };
}

function requireWrapping(keyring: KeyringOptions, found: WrappingKind, shown: string): void {
  const demanded = demandedWrapping(keyring);
  if (demanded === null || demanded.kind === found) return;
  const is = found === "plain" ? "not wrapped" : found === "passphrase" ? "wrapped by a passphrase" : "wrapped by KMS";
  const wanted = demanded.kind === "passphrase" ? "--passphrase" : "--kms-key KEY";
  throw new MasklineError("keyring_locked", `key ring ${shown} is ${is}, which is not what keyring.${demanded.option} says`, {
    next: `if it is your ring, maskline keys rewrap ${wanted}; or correct keyring.${demanded.option}`,
  });
}
