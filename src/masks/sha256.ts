import { hash } from "node:crypto";

import { maskFacts, type MaskDefinition, type TextMask } from "./mask.ts";

const tokenCharacters = 64;

/**
 * Not a mask at all: SHA-256 without a key, of the text as it was sent, in lower-case hex. Whoever can try all values has them back
 * in minutes, a salt or not: it stands beside the table it was made for. For tables whose tokens were made so before, and refused
 * elsewhere.
 */
export function createSha256Mask(definition: MaskDefinition): TextMask {
  const { salt = "", ...settings } = definition.settings;
  const salted = (value: string): string => (settings.salt_at === "end" ? value + salt : salt + value);
  return {
    // The salt is in no output: not in that of whatever prints a mask either.
    definition: { ...definition, settings },
    ...maskFacts.sha256,
    form: "token",
    apply: (values) => values.map((value) => sha256Hex(salted(value))),
    longestToken: () => tokenCharacters,
  };
}

/** SHA-256 (FIPS 180-4) of bytes, or of a text's UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}
