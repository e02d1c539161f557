import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

import { addBase64url } from "./base64url-bytes.ts";
import { viewOf } from "./block-words.ts";
import { ByteColumn, bytesAt } from "./byte-column.ts";
import { createEncoding } from "./encoding.ts";
import { type DomainKeys, type Mask, maskFacts, type MaskDefinition } from "./mask.ts";

/** 128 bits: among 10^9 different values two share a token with a probability of 1.5e-21. */
const tokenBytes = 16;
const tokenCharacters = 22;

/** One-way and keyed: HMAC-SHA256 cut to its first 16 bytes (RFC 2104 section 5), base64url. The token does not say which key made it. */
export function createHmacMask(definition: MaskDefinition, { primary }: DomainKeys): Mask {
  const encoding = createEncoding(definition);
  const key = createSecretKey(primary.key);
  const column = new ByteColumn();
  return {
    definition,
    ...maskFacts.hmac,
    form: "token",
    apply(values) {
      try {
        encoding.encode(values, column);
        return values.map((_, index) => hmacSha256(key, bytesAt(column, index)).toString("base64url", 0, tokenBytes));
      } finally {
        column.clear();
      }
    },
    write(plain, tokens) {
      try {
        encoding.encodeColumn(plain, column);
        let value = 0;
        for (let row = 0; row < plain.count; row += 1) {
          if (plain.isNull(row)) {
            tokens.addNull();
            continue;
          }
          addBase64url(viewOf(hmacSha256(key, bytesAt(column, value))), 0, tokenBytes, tokens);
          value += 1;
        }
      } finally {
        column.clear();
      }
    },
    longestToken: () => tokenCharacters,
  };
}

/** HMAC-SHA256 (RFC 2104, RFC 6234). */
export function hmacSha256(key: KeyObject | Uint8Array, data: Uint8Array): Buffer {
  return createHmac("sha256", key).update(data).digest();
}
