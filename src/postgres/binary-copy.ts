import type { TextColumn } from "../contract/text-column.ts";
import type { CopyRows } from "./copy-in.ts";

/** https://www.postgresql.org/docs/10/sql-copy.html, "Binary Format": signature, flags, length of the extension that is not there. */
const fileHead = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
const rowHeadBytes = 2;
/** In place of a row's number of fields, behind the last row. */
const fileEnd = -1;
/** `d`, and the length of the message with itself. */
const messageHeadBytes = 5;
const copyData = 0x64;
const pieceBytes = 65_536;
const wordBytes = 8;
/** Above this the runtime's own copy is faster than a loop. */
const shortField = 256;

/**
 * Rows in COPY's binary format, as messages of the protocol that follow one another in one buffer. Fields are written as they stand in
 * their columns, each behind its length.
 */
export class BinaryRows implements CopyRows {
  readonly #fields: readonly TextColumn[];
  readonly #views: readonly DataView[];
  readonly #places: readonly number[] | null;
  readonly #to: number;
  #row: number;
  #piece: Buffer;
  #view: DataView;
  #hasBegun = false;
  #hasEnded = false;

  /**
   * @param fields in binary form (binary-fields.ts)
   * @param count how many rows
   * @param places which rows, in this order; null for the first
   */
  constructor(fields: readonly TextColumn[], count: number, places: readonly number[] | null = null, from: number = 0) {
    this.#fields = fields;
    this.#views = fields.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#places = places;
    this.#row = from;
    this.#to = from + count;
    this.#piece = Buffer.allocUnsafeSlow(pieceBytes);
    this.#view = viewOf(this.#piece);
  }

  /** The next message; null when there is none. Valid until the next one is asked for. */
  next(): Buffer | null {
    if (this.#hasEnded) return null;
    let at = messageHeadBytes;
    if (!this.#hasBegun) at += fileHead.copy(this.#piece, at);
    this.#hasBegun = true;
    for (; this.#row < this.#to; this.#row += 1) {
      const place = this.#places === null ? this.#row : (this.#places[this.#row] as number);
      const bytes = this.#bytesOf(place);
      if (at + bytes > this.#piece.length) {
        if (at > messageHeadBytes + fileHead.length) return this.#framed(at);
        this.#grow(at + bytes, at);
      }
      at = this.#write(place, at);
    }
    at = this.#piece.writeInt16BE(fileEnd, at);
    this.#hasEnded = true;
    return this.#framed(at);
  }

  /** With room for what may be written over the end, and for the end of all. */
  #bytesOf(place: number): number {
    let bytes = rowHeadBytes + wordBytes;
    for (const { ends } of this.#fields) bytes += (ends[place + 1] as number) - (ends[place] as number);
    return bytes;
  }

  #write(place: number, start: number): number {
    const [fields, views, view] = [this.#fields, this.#views, this.#view];
    view.setInt16(start, fields.length);
    let at = start + rowHeadBytes;
    for (let column = 0; column < fields.length; column += 1) {
      const { ends, bytes } = fields[column] as TextColumn;
      const source = views[column] as DataView;
      let from = ends[place] as number;
      const to = ends[place + 1] as number;
      if (to - from > shortField || to + wordBytes > source.byteLength) {
        at += bytes.copy(this.#piece, at, from, to);
        continue;
      }
      // a word at a time, the last one over the field's end: what follows is written over it
      for (; from < to; from += wordBytes) {
        view.setBigInt64(at, source.getBigInt64(from, true), true);
        at += wordBytes;
      }
      at -= from - to;
    }
    return at;
  }

  #grow(bytes: number, used: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes);
    this.#piece.copy(larger, 0, 0, used);
    this.#piece = larger;
    this.#view = viewOf(larger);
  }

  #framed(end: number): Buffer {
    this.#piece[0] = copyData;
    this.#piece.writeInt32BE(end - 1, 1);
    return this.#piece.subarray(0, end);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
