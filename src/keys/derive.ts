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
 * | key of a mask         | `mask/v1/<kind>/<domain>`  | siv 64; hmac, cmac, ff1, ipcrypt-pfx 32; ipcrypt 16 |
 * | check value           | `check/v1/<kind>/<domain>` | 16, not secret          |
 * | vault, audit, subject | `vault/…`, `audit/…`, `subject/…`: kept free for what they will need |   |
 */
const infoTexts = {
  mask: (kind: MaskKind, domain: string) => `mask/v1/${kind}/${domain}`,
  check: (kind: MaskKind, domain: string) => `check/v1/${kind}/${domain}`,
};

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

/** HKDF-SHA256 with an empty salt (RFC 5869 sections 2.2 and 2.3); what Tink's key derivation gives for the same root and text. */
function derive(root: KeyObject, info: string, lengthBytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", root, new Uint8Array(), info, lengthBytes));
}
