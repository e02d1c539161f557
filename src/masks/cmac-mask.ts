import { blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { Base64Column, base64urlLength } from "./base64url.ts";
import { copyBlock, wordsOf, wordsPerBlock } from "./block-words.ts";
import { ByteColumn } from "./byte-column.ts";
import { createCmac } from "./cmac.ts";
import { createEncoding } from "./encoding.ts";
import { type DomainKeys, type Mask, maskFacts, type MaskDefinition } from "./mask.ts";

/**
 * One-way and keyed: AES-256-CMAC (RFC 4493, SP 800-38B), base64url. 128 bits: among 10^9 different values two share a token with a
 * probability of 1.5e-21. The token does not say which key made it. For volume: a value of a
 * large batch costs a twentieth of an HMAC.
 */
export function createCmacMask(definition: MaskDefinition, { primary }: DomainKeys): Mask {
  const encoding = createEncoding(definition);
  const cmac = createCmac(createBlockFunction(primary.key));
  const column = new ByteColumn();
  const tokens = new Base64Column(0);
  return {
    definition,
    ...maskFacts.cmac,
    form: "token",
    apply(values) {
      try {
        encoding.encode(values, column);
        const macs = wordsOf(cmac(column));
        tokens.begin(column.count, macs.byteLength);
        for (let i = 0; i < column.count; i += 1) {
          copyBlock(tokens.slots.words, tokens.next(), macs, i * wordsPerBlock);
          tokens.add(blockLengthBytes);
        }
        return tokens.texts();
      } finally {
        column.clear();
      }
    },
    longestToken: () => base64urlLength(blockLengthBytes),
  };
}
