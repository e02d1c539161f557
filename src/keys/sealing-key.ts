import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";

export const sealingKeyBytes = 32;

/** An X25519 key pair (RFC 7748), or only its public half: what a pipeline needs to seal. */
export interface SealingKey {
  readonly id: number;
  readonly publicKey: Uint8Array;
  /** The 32 bytes, in a KeyObject so that nothing prints them; null in a ring that may only seal. */
  readonly privateKey: KeyObject | null;
}

export function createSealingKey(id: number, randomBytes: (lengthBytes: number) => Buffer): SealingKey {
  const privateKey = randomBytes(sealingKeyBytes);
  return { id, publicKey: publicKeyOf(privateKey), privateKey: createSecretKey(privateKey) };
}

/** The public half of an X25519 private key. */
export function publicKeyOf(privateKey: Uint8Array): Buffer {
  const key = createPrivateKey({ key: Buffer.concat([privateKeyInfo, privateKey]), format: "der", type: "pkcs8" });
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-sealingKeyBytes);
}

/** PKCS #8 for X25519 before the 32 bytes of the key (RFC 8410 section 7). */
const privateKeyInfo = Buffer.from("302e020100300506032b656e04220420", "hex");
