import { blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { base64urlLength, textsOfBlocks } from "./base64url.ts";
import { wordsOf } from "./block-words.ts";
import { ByteColumn } from "./byte-column.ts";
import { createCmac } from "./cmac.ts";
import { createEncoding } from "./encoding.ts";
import { type DomainKeys, maskFacts, type MaskDefinition, type TextMask } from "./mask.ts";
import { Scratch } from "./scratch.ts";

/**
 * One-way and keyed: AES-256-CMAC (RFC 4493, SP 800-38B), base64url. 128 bits: among 10^9 different values two share a token with a
 * probability of 1.5e-21. The token does not say which key made it. For volume: a value of a
 * large batch costs a twentieth of an HMAC.
 */
export function createCmacMask(definition: MaskDefinition, { primary }: DomainKeys): TextMask {
  const encoding = createEncoding(definition);
  const cmac = createCmac(createBlockFunction(primary.key));
  const column = new ByteColumn();
  const slots = new Scratch();
  return {
    definition,
    ...maskFacts.cmac,
    form: "token",
    apply(values) {
      try {
        encoding.encode(values, column);
        return textsOfBlocks(wordsOf(cmac(column)), slots);
      } finally {
        column.clear();
      }
    },
    longestToken: () => base64urlLength(blockLengthBytes),
  };
}
