import type { Envelope, RandomBytes } from "./envelope.ts";
import { isEnvelope, readEnvelope } from "./envelope.ts";
import { type KeyService, type KmsHeader, newRingId, readKmsHeader, unwrapByKms, wrapByKms } from "./kms-wrapping.ts";
import { type PassphraseHeader, readPassphraseHeader, unwrapByPassphrase, wrapByPassphrase } from "./passphrase-wrapping.ts";
import { parseJson, readOneOf } from "./strict-json.ts";

export const wrappingKinds = ["passphrase", "aws-kms"] as const;
export type WrappingKind = "plain" | (typeof wrappingKinds)[number];

/** One way to wrap, with all it takes: every text is wrapped anew. Holds its secrets where nothing prints them. */
export interface Wrapping {
  readonly kind: WrappingKind;
  /** The KMS key as it was named; null for the other kinds. */
  readonly key: string | null;
  /** What KMS knows the ring by; null for the other kinds. */
  readonly ring: string | null;
  wrap(text: string): Promise<string>;
}

/** What a ring's text says of itself before it is opened. */
export type Wrapped =
  | { readonly kind: "plain" }
  | { readonly kind: "passphrase"; readonly envelope: Envelope<PassphraseHeader> }
  | { readonly kind: "aws-kms"; readonly envelope: Envelope<KmsHeader> };

/** Where an envelope's secrets are fetched from, when one needs them. */
export interface Unlocking {
  passphrase(): Promise<string>;
  keyService(): Promise<KeyService>;
  /** The KMS key that must have wrapped the ring; null for any. */
  readonly kmsKey: string | null;
}

export const plainWrapping: Wrapping = { kind: "plain", key: null, ring: null, wrap: (text) => Promise.resolve(text) };

export function passphraseWrapping(passphrase: string, randomBytes: RandomBytes): Wrapping {
  return { kind: "passphrase", key: null, ring: null, wrap: (text) => wrapByPassphrase(text, passphrase, randomBytes) };
}

/** @param knownAs what KMS knows the ring by; null for a ring that is new to it */
export function kmsWrapping(service: KeyService, key: string, knownAs: string | null, randomBytes: RandomBytes): Wrapping {
  const ring = knownAs ?? newRingId(randomBytes);
  return { kind: "aws-kms", key, ring, wrap: (text) => wrapByKms(text, service, key, ring, randomBytes) };
}

/** Told by the text's own `format`, wherever it was kept. What is no envelope is left to whoever reads rings.
 *  @throws MasklineError `keyring_malformed` */
export function readWrapped(stored: string): Wrapped {
  const file = parseJson(stored);
  if (!isEnvelope(file)) return { kind: "plain" };
  const { wrap, ciphertext } = readEnvelope(file);
  const kind = readOneOf(typeof wrap === "object" && wrap !== null ? Reflect.get(wrap, "kind") : wrap, "wrap.kind", wrappingKinds);
  switch (kind) {
    case "passphrase":
      return { kind, envelope: { wrap: readPassphraseHeader(wrap), ciphertext } };
    case "aws-kms":
      return { kind, envelope: { wrap: readKmsHeader(wrap), ciphertext } };
  }
}

/** The ring's own text, and the wrapping in which its next state goes back.
 *  @throws MasklineError `keyring_locked`, `key_service_*` */
export async function unwrap(
  stored: string,
  wrapped: Wrapped,
  unlocking: Unlocking,
  randomBytes: RandomBytes,
): Promise<readonly [text: string, wrapping: Wrapping]> {
  switch (wrapped.kind) {
    case "plain":
      return [stored, plainWrapping];
    case "passphrase": {
      const passphrase = await unlocking.passphrase();
      return [await unwrapByPassphrase(wrapped.envelope, passphrase), passphraseWrapping(passphrase, randomBytes)];
    }
    case "aws-kms": {
      const service = await unlocking.keyService();
      const { key, context } = wrapped.envelope.wrap;
      const text = await unwrapByKms(wrapped.envelope, service, unlocking.kmsKey);
      return [text, kmsWrapping(service, key, context.ring, randomBytes)];
    }
  }
}
