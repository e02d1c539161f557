import { hkdfSync, type KeyObject } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { maskFacts, type MaskKind } from "../masks/mask.ts";

/**
 * The closed table of what is derived from a root: HKDF-SHA256 (RFC 5869), empty salt, and one of these texts in UTF-8 as `info`.
 * Everything derived has a line of its own, so that no two uses ever share bytes. (HKDF, as Google Tink uses it too, does not bind
 * the type of the derived key: the kind has to stand in the text.) The domain comes last, whatever it holds.
 *
 * | derived               | info                       | bytes                   |
 * |-----------------------|----------------------------|-------------------------|
 * | key of a mask         | `mask/v1/<kind>/<domain>`  | siv 64; hmac, cmac, vault, ff1, ipcrypt-pfx 32; ipcrypt 16 |
 * | check value           | `check/v1/<kind>/<domain>` | 16, not secret          |
 * | signature of the audit | `audit/v1/sign`           | 32, the seed of an Ed25519 key |
 * | hash of tokens in the audit | `audit/v1/token`      | 32, AES-256-CMAC        |
 * | hash of a subject     | `subject/v1`               | 32, HMAC-SHA256         |
 */
const infoTexts = {
  mask: (kind: MaskKind, domain: string) => `mask/v1/${kind}/${domain}`,
  check: (kind: MaskKind, domain: string) => `check/v1/${kind}/${domain}`,
  auditSignature: "audit/v1/sign",
  auditToken: "audit/v1/token",
  subject: "subject/v1",
};

export const recoveryKeyBytes = 32;

export const checkBytes = 16;

/** The key of one kind of mask in one domain. */
export function deriveMaskKey(root: KeyObject, kind: MaskKind, domain: string): Buffer {
  const { keyLengthBytes } = maskFacts[kind];
  if (keyLengthBytes === null) throw new MasklineError("internal", `a ${kind} mask has no key`);
  return derive(root, infoTexts.mask(kind, domain), keyLengthBytes);
}

/** Tells whether a domain's key is the one a database was masked with. Stands in that database: tells nothing about the key itself. */
export function deriveCheckValue(root: KeyObject, kind: MaskKind, domain: string): Buffer {
  return derive(root, infoTexts.check(kind, domain), checkBytes);
}

/** A key of the way back: what signs the audit, and what hashes tokens and subjects in it. */
export function deriveRecoveryKey(root: KeyObject, use: "auditSignature" | "auditToken" | "subject"): Buffer {
  return derive(root, infoTexts[use], recoveryKeyBytes);
}

/** HKDF-SHA256 with an empty salt (RFC 5869 sections 2.2 and 2.3); what Tink's key derivation gives for the same root and text. */
function derive(root: KeyObject, info: string, lengthBytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", root, new Uint8Array(), info, lengthBytes));
}
