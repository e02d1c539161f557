import { lengthBytes, type TextColumn } from "../contract/text-column.ts";
import type { MaskedColumn } from "../pipeline/masking.ts";
import { plainForm } from "./masks.ts";

/** Rows as lines of JSON, from the bytes that they are in to the bytes that they become. */
export interface RowLines {
  write(columns: readonly TextColumn[]): Buffer;
}

/** How a column becomes a member of a row's object: numbers, booleans and JSON as they are, all else as a text. */
interface Member {
  /** What stands before the value, and zeros up to a whole word. */
  readonly head: DataView;
  readonly headBytes: number;
  readonly isText: boolean;
}

const word = 4;
const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;
const comma = 0x2c;
const openBrace = 0x7b;
/** `}` and a newline, in this order. */
const lineEnd = 0x7d_0a;
const lineEndBytes = 2;
/** `null` */
const nothing = 0x6e_75_6c_6c;

export function createRowLines(masked: readonly MaskedColumn[]): RowLines {
  const members = masked.map(memberOf);
  const headBytes = members.reduce((sum, member) => sum + member.headBytes, 0);
  return {
    write(columns) {
      const rows = columns[0]?.count ?? 0;
      // a value's quotes, or null, fill no more than its length in four bytes
      const valueBytes = columns.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
      const writer = new LineWriter(rows * (headBytes + lineEndBytes) + valueBytes + word);
      for (let row = 0; row < rows; row += 1) {
        for (let place = 0; place < members.length; place += 1) {
          writer.addMember(members[place] as Member, columns[place] as TextColumn, row);
        }
        writer.endLine();
      }
      return writer.bytes.subarray(0, writer.end);
    },
  };
}

function memberOf({ column, mask }: MaskedColumn, place: number): Member {
  const form = mask === null ? plainForm(column) : mask.form;
  const isText = form !== "integer" && form !== "number" && form !== "boolean" && form !== "json";
  const name = Buffer.from(`${JSON.stringify(column.name)}:`);
  const head = Buffer.alloc(Math.ceil((name.length + 1) / word) * word);
  head[0] = place === 0 ? openBrace : comma;
  name.copy(head, 1);
  return { head: new DataView(head.buffer, head.byteOffset, head.length), headBytes: name.length + 1, isText };
}

class LineWriter {
  bytes: Buffer;
  end = 0;
  #view: DataView;
  /** Room for what escaping adds. */
  #spareBytes = 0;

  constructor(mostBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(mostBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  addMember({ head, headBytes, isText }: Member, column: TextColumn, row: number): void {
    copyWords(head, 0, headBytes, this.#view, this.end);
    this.end += headBytes;
    if (column.isNull(row)) {
      this.#view.setInt32(this.end, nothing);
      this.end += word;
      return;
    }
    const start = (column.ends[row] as number) + lengthBytes;
    const length = (column.ends[row + 1] as number) - start;
    if (!isText) this.#addBare(column, start, length);
    else if (!this.#addPlain(column, start, length)) this.#addEscaped(column.at(row) as string, length);
  }

  endLine(): void {
    this.#view.setInt16(this.end, lineEnd);
    this.end += lineEndBytes;
  }

  #addBare({ bytes }: TextColumn, start: number, length: number): void {
    bytes.copy(this.bytes, this.end, start, start + length);
    this.end += length;
  }

  /** A text that stands for itself between its quotes (RFC 8259 section 7). False for any other; what was written means nothing then. */
  #addPlain({ bytes, view }: TextColumn, start: number, length: number): boolean {
    const target = this.#view;
    const to = this.end + 1;
    target.setUint8(this.end, quote);
    let found = 0;
    let index = 0;
    for (; index + word <= length; index += word) {
      const four = view.getInt32(start + index);
      target.setInt32(to + index, four);
      found |= below(four, 0x20202020) | below(four ^ 0x22222222, 0x01010101) | below(four ^ 0x5c5c5c5c, 0x01010101);
    }
    if (found !== 0) return false;
    for (; index < length; index += 1) {
      const byte = bytes[start + index] as number;
      if (byte < space || byte === quote || byte === backslash) return false;
      target.setUint8(to + index, byte);
    }
    target.setUint8(to + length, quote);
    this.end = to + length + 1;
    return true;
  }

  #addEscaped(text: string, length: number): void {
    const written = JSON.stringify(text);
    const more = Buffer.byteLength(written) - length;
    if (more > this.#spareBytes) this.#lengthen(more + this.bytes.length);
    this.#spareBytes -= more;
    this.end += this.bytes.write(written, this.end);
  }

  #lengthen(moreBytes: number): void {
    const longer = Buffer.allocUnsafeSlow(this.bytes.length + moreBytes);
    this.bytes.copy(longer, 0, 0, this.end);
    this.bytes = longer;
    this.#view = new DataView(longer.buffer);
    this.#spareBytes += moreBytes;
  }
}

/** Not zero where one of the four bytes is below that of `limits`, which are at most 80. */
function below(four: number, limits: number): number {
  return (four - limits) & ~four & 0x80808080;
}

/** Copies so many bytes, and up to three behind them. */
function copyWords(source: DataView, from: number, length: number, target: DataView, to: number): void {
  for (let index = 0; index < length; index += word) target.setInt32(to + index, source.getInt32(from + index));
}
