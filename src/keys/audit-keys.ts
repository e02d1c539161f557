import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

import { createBlockFunction } from "../masks/aes-block.ts";
import { joinBytes } from "../masks/byte-column.ts";
import { createCmac } from "../masks/cmac.ts";
import { deriveRecoveryKey } from "./derive.ts";
import type { KeyRing } from "./ring.ts";

/** PKCS #8 and SubjectPublicKeyInfo for Ed25519 before the 32 bytes of the key (RFC 8410 section 7 and 4). */
const privateKeyInfo = Buffer.from("302e020100300506032b657004220420", "hex");
const publicKeyInfo = Buffer.from("302a300506032b6570032100", "hex");
export const publicKeyBytes = 32;

export const signatureBytes = 64;
export const tokenHashBytes = 16;

/** What the audit is kept with: derived from the primary root of a full ring, so that whoever can open values can also tell. */
export interface AuditKeys {
  /** The root's. */
  readonly keyId: number;
  /** 32 bytes, to check signatures with where there is no ring. */
  readonly publicKey: Buffer;
  /** Ed25519 (RFC 8032). */
  sign(hash: Uint8Array): Buffer;
  /** 16 bytes for each: AES-256-CMAC (SP 800-38B), the same for the same token of a domain, and telling nothing of it. */
  hashTokens(domain: string, tokens: readonly string[]): readonly Buffer[];
  /** The same of one. */
  hashToken(domain: string, token: string): Buffer;
}

export interface AuditPublicKey {
  /** Null for a key that was handed over without: it may have signed any row. */
  readonly keyId: number | null;
  readonly publicKey: Buffer;
}

/** What is signed and hashed with now: of the primary root. */
export function auditKeys(ring: KeyRing): AuditKeys {
  return keysOf(ring.primary);
}

/** Of every root under which a token may be told of, and asked for. */
export function enabledAuditKeys(ring: KeyRing): readonly AuditKeys[] {
  return ring.roots.flatMap((root) => (root.status === "ENABLED" ? [keysOf(root)] : []));
}

function keysOf({ id, key }: KeyRing["primary"]): AuditKeys {
  const privateKey = signingKey(key);
  const hashAll = tokenHashing(deriveRecoveryKey(key, "auditToken"));
  return {
    keyId: id,
    publicKey: publicHalf(privateKey),
    sign: (hash) => sign(null, hash, privateKey),
    hashTokens: hashAll,
    hashToken: (domain, token) => hashAll(domain, [token])[0] as Buffer,
  };
}

/** In one go: a list can have some hundred thousand, and an HMAC of each takes twenty times as long (bench/masks.ts). */
function tokenHashing(key: Buffer): AuditKeys["hashTokens"] {
  const cmac = createCmac(createBlockFunction(key));
  return (domain, tokens) => {
    // JSON, in which no two pairs of texts look alike
    const macs = cmac(joinBytes(tokens.map((token) => Buffer.from(JSON.stringify([domain, token])))));
    return tokens.map((_, index) => macs.subarray(index * tokenHashBytes, (index + 1) * tokenHashBytes));
  };
}

/** The public key of every root that is still there; a disabled one signs nothing new, and what it signed can be checked. */
export function auditPublicKeys(ring: KeyRing): readonly AuditPublicKey[] {
  return ring.roots.flatMap((root) =>
    root.status === "DESTROYED" ? [] : [{ keyId: root.id, publicKey: publicHalf(signingKey(root.key)) }],
  );
}

/** Whether a signature is of this hash and key. */
export function verifySignature(publicKey: Uint8Array, hash: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== publicKeyBytes) return false;
  const key = createPublicKey({ key: Buffer.concat([publicKeyInfo, publicKey]), format: "der", type: "spki" });
  return verify(null, hash, key, signature);
}

function signingKey(root: KeyObject): KeyObject {
  const seed = deriveRecoveryKey(root, "auditSignature");
  return createPrivateKey({ key: Buffer.concat([privateKeyInfo, seed]), format: "der", type: "pkcs8" });
}

function publicHalf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-publicKeyBytes);
}
