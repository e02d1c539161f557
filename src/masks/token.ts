import { blockLengthBytes } from "./aes-block.ts";
import { Base64Column, base64urlLength, readBase64url } from "./base64url.ts";
import { copyBlock, wordsOf, wordsPerBlock } from "./block-words.ts";
import { Scratch } from "./scratch.ts";
import { type SealedColumn, sivLengthBytes } from "./siv-cipher.ts";

/**
 * Tokens that carry their key: version (1 byte, 01), key id (4, big endian), synthetic IV (16), ciphertext, in base64url without
 * padding (RFC 4648 section 5). The bytes are those of a Google Tink AES-SIV keyset with output prefix TINK.
 */
const version = 0x01;
export const tagLengthBytes = 5;
/** The character that the version decides, which every token begins with. */
export const tokenStart = 0x41;
/** Seven times three: the ciphertext begins with a character of its own, the 29th. */
export const headLengthBytes: number = tagLengthBytes + sivLengthBytes;
const headLengthCharacters: number = base64urlLength(headLengthBytes);

/** The characters that version and the top 28 bits of the key id decide. The key ids of a ring differ in them. */
export const tokenPrefixLength = 6;

/** Where version and key id have ended, and a character too. */
const tagEndCharacters = 8;

/** Zeros before a token's bytes, so that its synthetic IV and ciphertext begin on a word. They become four characters. */
const leadLengthBytes = 3;
const leadLengthCharacters = 4;
const leadingWords = (leadLengthBytes + tagLengthBytes) / Int32Array.BYTES_PER_ELEMENT;
const headWords: number = leadingWords + wordsPerBlock;

/** The length in characters of a token of so many bytes of plaintext. */
export function tokenLength(plaintextBytes: number): number {
  return base64urlLength(headLengthBytes + plaintextBytes);
}

/** The first characters of every token of a key. */
export function tokenPrefix(keyId: number): string {
  return ledTag(keyId)
    .toString("base64url")
    .slice(leadLengthCharacters, leadLengthCharacters + tokenPrefixLength);
}

/** Writes tokens of one key. */
export function createTokenWriter(keyId: number): (sealed: SealedColumn) => string[] {
  const tokens = new Base64Column(leadLengthBytes);
  const [tagFirst = 0, tagSecond = 0] = wordsOf(ledTag(keyId));

  return ({ sivs, ciphertexts: { blockCount, blocks, count, lengths, starts } }) => {
    tokens.begin(count, count * headLengthBytes + blockCount * blockLengthBytes);
    const { words } = tokens.slots;
    const [sivWords, ciphertextWords] = [wordsOf(sivs), blocks.words];
    for (let i = 0; i < count; i += 1) {
      const at = tokens.next();
      words[at] = tagFirst;
      words[at + 1] = tagSecond;
      copyBlock(words, at + leadingWords, sivWords, i * wordsPerBlock);
      const from = (starts[i] as number) * wordsPerBlock;
      const length = lengths[i] as number;
      for (let word = 0; word * Int32Array.BYTES_PER_ELEMENT < length; word += 1) {
        words[at + headWords + word] = ciphertextWords[from + word] as number;
      }
      tokens.add(headLengthBytes + length);
    }
    return tokens.texts();
  };
}

/** What a text in the form of a token says of its key, without opening it; null for all else. */
export function readToken(text: string): { readonly keyId: number } | null {
  const bytes = Buffer.allocUnsafe(text.length);
  const length = readBase64url(text, 0, text.length, bytes, 0);
  return length >= headLengthBytes && bytes[0] === version ? { keyId: bytes.readUInt32BE(1) } : null;
}

/** Reads tokens: one at a time, each into a column of those that are opened together. */
export class TokenReader {
  readonly #head = new Scratch();

  /** The key id of what may be a token by its length and version; null for all else. Most of what is looked at is none: cheap. */
  keyId(text: string): number | null {
    if (text.length < headLengthCharacters || !text.startsWith("A")) return null;
    const { bytes } = this.#head;
    if (readBase64url(text, 0, tagEndCharacters, bytes, leadLengthBytes) < 0) return null;
    return bytes[leadLengthBytes] === version ? bytes.readUInt32BE(leadLengthBytes + 1) : null;
  }

  /**
   * Adds a token's synthetic IV and ciphertext to a column. Strict: of the spellings that base64url decoders
   * take for the same bytes, only the one we write. False, and nothing added, for what is not a token in form.
   */
  read(text: string, { sivs, ciphertexts }: SealedColumn): boolean {
    const head = this.#head;
    if (readBase64url(text, 0, headLengthCharacters, head.bytes, leadLengthBytes) < 0) return false;
    const at = ciphertexts.next(text.length);
    const length = readBase64url(text, headLengthCharacters, text.length, ciphertexts.blocks.bytes, at);
    if (length < 0) {
      ciphertexts.discard();
      return false;
    }
    head.bytes.copy(sivs, ciphertexts.count * sivLengthBytes, leadLengthBytes + tagLengthBytes, leadLengthBytes + headLengthBytes);
    ciphertexts.add(length);
    return true;
  }
}

function ledTag(keyId: number): Buffer {
  return Buffer.concat([Buffer.alloc(leadLengthBytes), tokenTag(keyId)]);
}

/** Version and key id. */
export function tokenTag(keyId: number): Buffer {
  const bytes = Buffer.alloc(tagLengthBytes);
  bytes[0] = version;
  bytes.writeUInt32BE(keyId, 1);
  return bytes;
}
