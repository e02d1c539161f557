import { createHash } from "node:crypto";

import { canonicalVersion } from "../contract/canonical.ts";
import type { MaskDefinition } from "./mask.ts";

/**
 * What decides a token beside key and domain, as one comparable text: SHA-256 in hex of the members in the order of RFC 8785,
 * section 3.2.3. Kept in the database for each domain; another one means that equal values would no longer be equal.
 */
export function maskFingerprint({ kind, type, encode, settings }: MaskDefinition): string {
  const members: Readonly<Record<string, unknown>> = { canonical: canonicalVersion, encode, kind, type, ...settings };
  const sorted = Object.fromEntries(Object.entries(members).sort(([left], [right]) => (left < right ? -1 : 1)));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}
