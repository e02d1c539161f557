import { type AuditKeys, verifySignature } from "../keys/audit-keys.ts";
import { entryHash } from "./audit-entry.ts";
import { type CanonicalValue, canonicalJson } from "./canonical-json.ts";

export const certificateFormat = "maskline-erasure/1";

/** A statement and the signature of whoever keeps the audit: Ed25519 (RFC 8032) over SHA-256 of its canonical JSON (RFC 8785). */
export interface Certificate {
  readonly certificate: { readonly [name: string]: CanonicalValue };
  /** In hexadecimal digits. */
  readonly hash: string;
  readonly keyId: number;
  /** Both in base64url. */
  readonly publicKey: string;
  readonly signature: string;
}

export function signCertificate(keys: AuditKeys, statement: Certificate["certificate"]): Certificate {
  const hash = entryHash(canonicalJson(statement));
  return {
    certificate: statement,
    hash: hash.toString("hex"),
    keyId: keys.keyId,
    publicKey: keys.publicKey.toString("base64url"),
    signature: keys.sign(hash).toString("base64url"),
  };
}

/** Whether a certificate is of this key and says what it said when it was signed. The key comes from elsewhere: anybody can make a pair. */
export function verifyCertificate(publicKey: Uint8Array, { certificate, signature }: Certificate): boolean {
  return verifySignature(publicKey, entryHash(canonicalJson(certificate)), Buffer.from(signature, "base64url"));
}
