import { lengthBytes } from "../contract/text-column.ts";
import { blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { addBase64url, base64urlOverrun } from "./base64url-bytes.ts";
import { base64urlLength, textsOfBlocks } from "./base64url.ts";
import { viewOf, wordsOf } from "./block-words.ts";
import { ByteColumn } from "./byte-column.ts";
import { createCmac } from "./cmac.ts";
import { createEncoding } from "./encoding.ts";
import { type DomainKeys, type Mask, maskFacts, type MaskDefinition } from "./mask.ts";
import { Scratch } from "./scratch.ts";

const tokenCharacters: number = base64urlLength(blockLengthBytes);

/**
 * One-way and keyed: AES-256-CMAC (RFC 4493, SP 800-38B), base64url. 128 bits: among 10^9 different values two share a token with a
 * probability of 1.5e-21. The token does not say which key made it. For volume: a value of a
 * large batch costs a twentieth of an HMAC. Also makes the tokens of `vault`, whose key is derived under that name.
 */
export function createCmacMask(definition: MaskDefinition, { primary }: DomainKeys): Mask {
  const encoding = createEncoding(definition);
  const cmac = createCmac(createBlockFunction(primary.key));
  const column = new ByteColumn();
  const slots = new Scratch();
  return {
    definition,
    ...maskFacts[definition.kind],
    form: "token",
    apply(values) {
      try {
        encoding.encode(values, column);
        return textsOfBlocks(wordsOf(cmac(column)), slots);
      } finally {
        column.clear();
      }
    },
    write(plain, tokens) {
      try {
        encoding.encodeColumn(plain, column);
        const macs = viewOf(cmac(column));
        tokens.reserve(plain.count, plain.count * (lengthBytes + tokenCharacters) + base64urlOverrun);
        let from = 0;
        for (let row = 0; row < plain.count; row += 1) {
          if (plain.isNull(row)) {
            tokens.addNull();
            continue;
          }
          addBase64url(macs, from, blockLengthBytes, tokens);
          from += blockLengthBytes;
        }
      } finally {
        column.clear();
      }
    },
    longestToken: () => tokenCharacters,
  };
}
