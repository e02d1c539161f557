import { type ByteColumn, columnLength } from "./byte-column.ts";
import { sivLengthBytes } from "./siv-cipher.ts";

/**
 * Tokens that carry their key: version (1 byte, 01), key id (4, big endian), synthetic IV (16), ciphertext, in base64url without
 * padding (RFC 4648 section 5). The bytes are those of a Google Tink AES-SIV keyset with output prefix TINK.
 */
const version = 0x01;
const tagLengthBytes = 5;
const shortestTokenBytes = tagLengthBytes + sivLengthBytes;

/** The characters that version and the top 28 bits of the key id decide. The key ids of a ring differ in them. */
const tagLengthCharacters = 6;

export interface TokenParts {
  readonly keyId: number;
  readonly siv: Buffer;
  readonly ciphertext: Buffer;
}

/** The length in characters of a token of so many bytes of plaintext. */
export function tokenLength(plaintextBytes: number): number {
  return base64urlLength(shortestTokenBytes + plaintextBytes);
}

/** The first six characters of every token of a key. */
export function tokenPrefix(keyId: number): string {
  return tag(keyId).toString("base64url").slice(0, tagLengthCharacters);
}

/** The tokens of a column. `sivs` holds 16 bytes for each value. */
export function writeTokens(keyId: number, sivs: Buffer, ciphertexts: ByteColumn): string[] {
  const { bytes, offsets } = ciphertexts;
  const count = columnLength(ciphertexts);
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < count; i += 1) {
    // Rounded up to threes, which base64 writes as fours: all tokens of the column are then encoded in one call and cut apart.
    starts[i + 1] = (starts[i] as number) + Math.ceil((shortestTokenBytes + lengthAt(offsets, i)) / 3) * 3;
  }
  const slots = Buffer.alloc(starts[count] as number);
  const keyTag = tag(keyId);
  for (let i = 0; i < count; i += 1) {
    let to = starts[i] as number;
    for (let j = 0; j < tagLengthBytes; j += 1, to += 1) slots[to] = keyTag[j] as number;
    for (let j = 0; j < sivLengthBytes; j += 1, to += 1) slots[to] = sivs[i * sivLengthBytes + j] as number;
    for (let j = offsets[i] as number; j < (offsets[i + 1] as number); j += 1, to += 1) slots[to] = bytes[j] as number;
  }
  const text = slots.toString("base64url");
  return Array.from({ length: count }, (_, i) => {
    const start = ((starts[i] as number) / 3) * 4;
    return text.slice(start, start + tokenLength(lengthAt(offsets, i)));
  });
}

/** null for what is not a token in form. Strict: of the spellings that base64url decoders take for the same bytes, only the one we write. */
export function readToken(token: string): TokenParts | null {
  // Most of what is looked at is no token: decided before anything is decoded.
  if (token.length < tokenLength(0) || !token.startsWith("A")) return null;
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length < shortestTokenBytes || bytes[0] !== version || bytes.toString("base64url") !== token) return null;
  return {
    keyId: bytes.readUInt32BE(1),
    siv: bytes.subarray(tagLengthBytes, shortestTokenBytes),
    ciphertext: bytes.subarray(shortestTokenBytes),
  };
}

function tag(keyId: number): Buffer {
  const bytes = Buffer.alloc(tagLengthBytes);
  bytes[0] = version;
  bytes.writeUInt32BE(keyId, 1);
  return bytes;
}

function lengthAt(offsets: Uint32Array, index: number): number {
  return (offsets[index + 1] as number) - (offsets[index] as number);
}

function base64urlLength(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}
