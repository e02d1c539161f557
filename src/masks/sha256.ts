import { hash } from "node:crypto";

import { type Mask, maskFacts, type MaskDefinition } from "./mask.ts";

const tokenCharacters = 64;

/**
 * Not a mask at all: SHA-256 without a key, of the text as it was sent, in lower-case hex. Whoever can try all values has them back
 * in minutes. For tables whose tokens were made so before, and refused elsewhere.
 */
export function createSha256Mask(definition: MaskDefinition): Mask {
  return {
    definition,
    ...maskFacts.sha256,
    form: "token",
    apply: (values) => values.map(sha256Hex),
    longestToken: () => tokenCharacters,
  };
}

/** SHA-256 (FIPS 180-4) of bytes, or of a text's UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}
