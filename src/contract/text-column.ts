import { MasklineError } from "../errors.ts";

/** Before each text, its length in bytes. */
export const lengthBytes = 4;
const leastBytes = 512;
const pooledBytes = 2_048;
/** More than this is given back after use, so that one giant batch does not decide for ever what is held. */
const keptBytes = 1 << 22;
/** Of a code unit of UTF-16, in UTF-8. */
const longestUnitBytes = 3;
/** The length of a text that is not there. */
const nullLength = -1;
/** Above this the runtime's own encoder is faster than a loop. */
const shortText = 32;

/**
 * A column of texts or nulls, one a row, in UTF-8: each behind its length in four bytes (big endian), -1 for null. These are the elements of
 * PostgreSQL's binary arrays (array_send) and the fields of binary COPY, so a column is written once, where its values are made, and
 * goes to the server as it is.
 */
export class TextColumn {
  /** How many rows there are. */
  count = 0;
  /** Row `i` stands at `ends[i] .. ends[i + 1]`, its length included. Longer than what is in use. */
  ends: Uint32Array;
  bytes: Buffer;
  /** The same memory. */
  view: DataView;
  #nulls = 0;
  /** How far texts were written since the last `clear`, those too that were not added or taken away again. */
  #touched = 0;

  /** @param rows how many are expected @param bytes of all texts, as expected */
  constructor(rows: number = 0, bytes: number = 0) {
    this.ends = new Uint32Array(rows + 1);
    this.bytes = memoryOf(Math.max(leastBytes, rows * lengthBytes + bytes));
    this.view = viewOf(this.bytes);
  }

  static of(values: readonly (string | null)[]): TextColumn {
    let characters = 0;
    for (const value of values) characters += value?.length ?? 0;
    const column = new TextColumn(values.length, characters);
    for (const value of values) column.add(value);
    return column;
  }

  get hasNulls(): boolean {
    return this.#nulls > 0;
  }

  /** Where the last row ends. */
  get usedBytes(): number {
    return this.ends[this.count] as number;
  }

  add(value: string | null): void {
    if (value === null) return this.addNull();
    const { length } = value;
    const start = this.next(length * longestUnitBytes);
    if (length <= shortText && this.#writeAscii(value, start)) return this.added(length);
    const written = this.bytes.write(value, start);
    // UTF-8 has no lone surrogates: all of them would become U+FFFD, and unequal values one.
    if (written !== length && !value.isWellFormed())
      throw new MasklineError("internal", "a text with half a surrogate pair was to become a row");
    this.added(written);
  }

  /** Appends a text of ASCII without NUL. @returns false, with nothing appended, for any other */
  addAscii(value: string): boolean {
    const { length } = value;
    const start = this.next(length * longestUnitBytes);
    const isAscii =
      length <= shortText ? this.#writeAscii(value, start) : this.bytes.write(value, start) === length && !value.includes("\0");
    if (isAscii) this.added(length);
    return isAscii;
  }

  addNull(): void {
    const end = this.usedBytes;
    this.#reserve(end + lengthBytes);
    this.view.setInt32(end, nullLength);
    this.#nulls += 1;
    this.#endAt(end + lengthBytes);
  }

  /** Makes room for so many rows more, and so many bytes of them, lengths included. */
  reserve(rows: number, bytes: number): void {
    this.#reserve(this.usedBytes + bytes);
    if (this.count + rows >= this.ends.length) this.#lengthen(this.count + rows + 1);
  }

  /** Where the text of the next row is to be written, in `bytes` as they are then; there is room for so many. */
  next(mostBytes: number): number {
    const start = this.usedBytes + lengthBytes;
    this.#reserve(start + mostBytes);
    return start;
  }

  /** The text of the next row has been written, so many bytes of it. */
  added(length: number): void {
    const start = this.usedBytes;
    this.view.setInt32(start, length);
    this.#endAt(start + lengthBytes + length);
  }

  /** Copies a row of another column. */
  addFrom(other: TextColumn, row: number): void {
    const from = other.ends[row] as number;
    const to = other.ends[row + 1] as number;
    const end = this.usedBytes;
    this.#reserve(end + to - from);
    other.bytes.copy(this.bytes, end, from, to);
    if (other.isNull(row)) this.#nulls += 1;
    this.#endAt(end + to - from);
  }

  isNull(row: number): boolean {
    // no text is 2 GiB long: the first bit says it
    return (this.bytes[this.ends[row] as number] as number) >= 0x80;
  }

  /** The text of a row; null where there is none. */
  at(row: number): string | null {
    const start = this.ends[row] as number;
    return this.isNull(row) ? null : this.bytes.toString("utf8", start + lengthBytes, this.ends[row + 1]);
  }

  /** All rows, as texts. */
  texts(): (string | null)[] {
    return Array.from({ length: this.count }, (_, row) => this.at(row));
  }

  /** Takes the last rows away, until so many are left. */
  truncate(rows: number): void {
    if (this.#nulls > 0) for (let row = rows; row < this.count; row += 1) if (this.isNull(row)) this.#nulls -= 1;
    this.count = rows;
  }

  /** Takes the rows at some places away, which rise; the others close up. */
  drop(rows: readonly number[]): void {
    if (rows.length === 0) return;
    const { bytes, count, ends } = this;
    let kept = rows[0] as number;
    let end = ends[kept] as number;
    rows.forEach((row, index) => {
      if (this.isNull(row)) this.#nulls -= 1;
      // what stands between this row and the next that goes moves up, all at once
      const next = rows[index + 1] ?? count;
      const from = ends[row + 1] as number;
      bytes.copyWithin(end, from, ends[next]);
      const moved = from - end;
      for (let stays = row + 1; stays < next; stays += 1) {
        end = (ends[stays + 1] as number) - moved;
        kept += 1;
        ends[kept] = end;
      }
    });
    this.count = kept;
  }

  /** Takes all rows away, and makes zeros of all that was written: plain values do not outlive their batch. */
  clear(): void {
    this.bytes.fill(0, 0, this.#touched);
    this.#touched = 0;
    if (this.bytes.length > keptBytes) this.#replace(leastBytes);
    this.count = 0;
    this.#nulls = 0;
  }

  /** The rows `from .. to`, where they are: to be read, and only while they are there. */
  part(from: number, to: number): TextColumn {
    const part = new TextColumn();
    part.ends = this.ends.subarray(from, to + 1);
    part.bytes = this.bytes;
    part.view = this.view;
    part.count = to - from;
    part.#nulls = this.#nulls;
    return part;
  }

  /** The rows at the given places, in that order. */
  select(rows: readonly number[]): TextColumn {
    const selected = new TextColumn(rows.length, this.usedBytes);
    for (const row of rows) selected.addFrom(this, row);
    return selected;
  }

  /** @returns whether it is of ASCII without NUL; otherwise what was written means nothing */
  #writeAscii(value: string, start: number): boolean {
    const { bytes } = this;
    let codes = 0;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      bytes[start + index] = code;
      // NUL makes it negative
      codes |= code | (code - 1);
    }
    return codes >>> 7 === 0;
  }

  #endAt(end: number): void {
    this.count += 1;
    if (this.count >= this.ends.length) this.#lengthen(this.count * 2 + 16);
    this.ends[this.count] = end;
  }

  #lengthen(ends: number): void {
    const longer = new Uint32Array(ends);
    longer.set(this.ends);
    this.ends = longer;
  }

  #reserve(lengthInBytes: number): void {
    if (lengthInBytes > this.#touched) this.#touched = lengthInBytes;
    if (lengthInBytes <= this.bytes.length) return;
    const former = this.bytes;
    this.#replace(Math.max(lengthInBytes, former.length * 2));
    former.copy(this.bytes, 0, 0, this.usedBytes);
    // it may hold plain values
    former.fill(0);
  }

  #replace(lengthInBytes: number): void {
    this.bytes = memoryOf(lengthInBytes);
    this.view = viewOf(this.bytes);
  }
}

/** Small ones from the runtime's pool: memory of its own would take longer than the few rows in it. */
function memoryOf(lengthInBytes: number): Buffer {
  return lengthInBytes <= pooledBytes ? Buffer.allocUnsafe(lengthInBytes) : Buffer.allocUnsafeSlow(lengthInBytes);
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
