import { lengthBytes, type TextColumn } from "../contract/text-column.ts";
import { blockLengthBytes } from "./aes-block.ts";
import { base64urlOverrun, fourCharacters, writeBase64url } from "./base64url-bytes.ts";
import { base64urlLength } from "./base64url.ts";
import { viewOf } from "./block-words.ts";
import { type SealedColumn, sivLengthBytes } from "./siv-cipher.ts";
import { headLengthBytes, tokenTag } from "./token.ts";

const headCharacters: number = base64urlLength(headLengthBytes);

/** Writes the tokens of one key (token.ts) as the rows of a column, straight from the bytes that they are made of. */
export class TokenColumnWriter {
  /** Of the version and the first half of the key id. */
  readonly #firstFour: number;
  /** The second half, which shares its characters with the first byte of the synthetic IV. */
  readonly #keyEnd: number;

  constructor(keyId: number) {
    const tag = tokenTag(keyId);
    this.#firstFour = fourCharacters(tag.readUIntBE(0, 3));
    this.#keyEnd = tag.readUInt16BE(3) << 8;
  }

  /** Appends the tokens; null where `plain` has none. */
  write({ sivs, ciphertexts }: SealedColumn, plain: TextColumn, tokens: TextColumn): void {
    const { blockCount, blocks, count, lengths, starts } = ciphertexts;
    // enough for all of them, so that the memory stays where it is
    tokens.reserve(
      plain.count,
      plain.count * lengthBytes + base64urlLength(count * headLengthBytes + blockCount * blockLengthBytes) + count,
    );
    const sivView = viewOf(sivs);
    const ciphertextView = viewOf(blocks.bytes);
    const firstFour = this.#firstFour;
    const keyEnd = this.#keyEnd;
    let value = 0;
    for (let row = 0; row < plain.count; row += 1) {
      if (plain.isNull(row)) {
        tokens.addNull();
        continue;
      }
      const length = lengths[value] as number;
      const siv = value * sivLengthBytes;
      const at = tokens.next(headCharacters + base64urlLength(length) + base64urlOverrun);
      const { view } = tokens;
      view.setInt32(at, firstFour, true);
      view.setInt32(at + 4, fourCharacters(keyEnd | sivView.getUint8(siv)), true);
      writeBase64url(sivView, siv + 1, sivLengthBytes - 1, view, at + 8);
      tokens.added(
        headCharacters +
          writeBase64url(ciphertextView, (starts[value] as number) * blockLengthBytes, length, view, at + headCharacters),
      );
      value += 1;
    }
  }
}
