import { type ByteForm, byteForm, readBytes } from "./byte-readers.ts";
import type { Column, Contract } from "./column.ts";
import { compileColumn, type CompiledColumn } from "./compiled-column.ts";
import {
  bufferOf,
  closeBrace,
  colon,
  comma,
  endOfNull,
  endOfPlainText,
  endOfScalar,
  endOfSpace,
  notHere,
  openBrace,
  scalarBetween,
} from "./json-bytes.ts";
import { isBlank, type Reader } from "./reading.ts";
import type { TextColumn } from "./text-column.ts";

/** No text is longer. */
const noLimit = 2 ** 31 - 1;
/** Names of fields that nothing reads, remembered so that they are known when they come again: keys that are data can be without end. */
const mostIgnored = 256;
/** In bytes: what is longer is not remembered. */
const longestRemembered = 256;

/**
 * Reads lines of JSON, each the body of an event, straight from their bytes: no string, no object. For lines that are flat; it never
 * says that a line is wrong, only that someone else has to look at it.
 */
export interface FlatLines {
  /**
   * Adds the row that the contract's check would make of a line to the columns, one text to each.
   * @returns false, with nothing added, for a line that is refused, or that has to be parsed to know
   */
  read(bytes: Buffer, start: number, end: number, columns: readonly TextColumn[]): boolean;
}

/** The reader of a contract's flat lines; null where a column needs more than the line, or more than a flat one. */
export function compileFlatLines(contract: Contract): FlatLines | null {
  if (contract.decode.length > 0 || contract.identity !== undefined || contract.columns.length === 0) return null;
  const readings: Reading[] = [];
  for (const column of contract.columns) {
    const compiled = compileColumn(column);
    if (typeof compiled === "string" || column.type === "json" || column.from.startsWith("$")) return null;
    readings.push(new Reading(column, compiled, readings.length));
  }
  return new FlatLineReader(contract.maxBodyBytes, readings);
}

/** How one column is read. */
class Reading {
  readonly from: string;
  /** The next of the same field. */
  next: Reading | null = null;
  readonly place: number;
  readonly form: ByteForm;
  readonly max: number;
  readonly read: Reader;
  readonly blankIsMissing: boolean;
  readonly fallback: string | null;
  readonly mayBeMissing: boolean;

  constructor(column: Column, { read, blankIsMissing, fallback, missingPaths }: CompiledColumn, place: number) {
    this.from = column.from;
    this.place = place;
    this.form = byteForm(column);
    this.max = column.max ?? noLimit;
    this.read = read;
    this.blankIsMissing = blankIsMissing;
    this.fallback = fallback;
    this.mayBeMissing = fallback !== null || missingPaths.length === 0;
  }
}

/** All that stood between two values of a line, the name of the second included. */
class Gap {
  readonly length: number;
  /** Four bytes each; the last word ends with the gap, and so can begin inside the one before. */
  readonly #words: Int32Array;

  constructor(bytes: Buffer) {
    this.length = bytes.length;
    this.#words = Int32Array.from({ length: Math.ceil(bytes.length / 4) }, (_, index) =>
      bytes.readInt32LE(Math.min(index * 4, bytes.length - 4)),
    );
  }

  isAt(bytes: DataView, start: number, end: number): boolean {
    const words = this.#words;
    const last = start + this.length - 4;
    if (last + 4 > end) return false;
    let at = start;
    for (let index = 0; index < words.length; index += 1) {
      if (bytes.getInt32(at < last ? at : last, true) !== words[index]) return false;
      at += 4;
    }
    return true;
  }
}

/** A field by its name: who reads it, and what followed it last time. Lines of one file mostly have the same fields in the same order. */
class Field {
  /** Null for a field that nothing reads. */
  readonly reading: Reading | null;
  next: Field | null = null;
  gap: Gap = new Gap(Buffer.alloc(0));

  constructor(reading: Reading | null) {
    this.reading = reading;
  }
}

class FlatLineReader implements FlatLines {
  readonly #maxBytes: number;
  readonly #readings: readonly Reading[];
  readonly #fields = new Map<string, Field>();
  /** What stands before the first field. */
  readonly #head = new Field(null);
  /** All ignored fields that there was no room to remember. */
  readonly #other = new Field(null);
  #ignored = 0;
  /** Where the value of the field begins that was looked up last. */
  #valueStart = 0;
  /** The bytes that were read from last. */
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(this.#bytes.buffer, 0, 0);

  constructor(maxBytes: number, readings: readonly Reading[]) {
    this.#maxBytes = maxBytes;
    this.#readings = readings;
    for (const reading of readings) {
      reading.next = this.#fields.get(reading.from)?.reading ?? null;
      this.#fields.set(reading.from, new Field(reading));
    }
  }

  read(bytes: Buffer, start: number, end: number, columns: readonly TextColumn[]): boolean {
    const rows = columns[0]?.count as number;
    if (end - start <= this.#maxBytes && this.#readFields(this.#viewOf(bytes), start, end, columns, rows) && this.#fill(columns, rows)) return true;
    for (const column of columns) if (column.count > rows) column.truncate(rows);
    return false;
  }

  #viewOf(bytes: Buffer): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }

  #readFields(bytes: DataView, start: number, end: number, columns: readonly TextColumn[], rows: number): boolean {
    let before = this.#head;
    let at = start;
    for (;;) {
      let field = before.next;
      if (field !== null && before.gap.isAt(bytes, at, end)) at += before.gap.length;
      else {
        const close = endOfLine(bytes, at, end, before === this.#head);
        if (close !== notHere) return close === end;
        field = this.#lookUp(bytes, at, end, before);
        if (field === null) return false;
        at = this.#valueStart;
      }
      at = readField(field, bytes, at, end, columns, rows);
      if (at === notHere) return false;
      if (at === end - 1 && bytes.getUint8(at) === closeBrace) return true;
      before = field;
    }
  }

  /** The field whose name stands at `start`, behind its comma or brace; null for what is no member of an object, or written in another way. */
  #lookUp(bytes: DataView, start: number, end: number, before: Field): Field | null {
    let at = endOfSpace(bytes, start, end);
    if (at >= end || bytes.getUint8(at) !== (before === this.#head ? openBrace : comma)) return null;
    const nameStart = endOfSpace(bytes, at + 1, end);
    const nameEnd = endOfPlainText(bytes, nameStart, end);
    if (nameEnd === notHere) return null;
    at = endOfSpace(bytes, nameEnd, end);
    if (at >= end || bytes.getUint8(at) !== colon) return null;
    at = endOfSpace(bytes, at + 1, end);
    this.#valueStart = at;
    const field = this.#fieldNamed(bufferOf(bytes, nameStart + 1, nameEnd - 1).toString("latin1"));
    if (field !== this.#other && at - start <= longestRemembered) {
      before.gap = new Gap(bufferOf(bytes, start, at));
      before.next = field;
    }
    return field;
  }

  #fieldNamed(name: string): Field {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    if (this.#ignored === mostIgnored) return this.#other;
    const ignored = new Field(null);
    this.#ignored += 1;
    this.#fields.set(name, ignored);
    return ignored;
  }

  /** Columns that the line had nothing for. */
  #fill(columns: readonly TextColumn[], rows: number): boolean {
    const readings = this.#readings;
    let isWhole = true;
    for (let place = 0; place < readings.length; place += 1) {
      if ((columns[place] as TextColumn).count > rows) continue;
      if (!(readings[place] as Reading).mayBeMissing) return false;
      isWhole = false;
    }
    if (isWhole) return true;
    for (let place = 0; place < readings.length; place += 1) {
      const column = columns[place] as TextColumn;
      if (column.count === rows) column.add((readings[place] as Reading).fallback);
    }
    return true;
  }
}

/** The end of the line, if there is only the object's closing brace before it; the opening one too where no field has come. */
function endOfLine(bytes: DataView, start: number, end: number, isEmpty: boolean): number {
  let at = endOfSpace(bytes, start, end);
  if (isEmpty) {
    if (at >= end || bytes.getUint8(at) !== openBrace) return notHere;
    at = endOfSpace(bytes, at + 1, end);
  }
  return at < end && bytes.getUint8(at) === closeBrace ? endOfSpace(bytes, at + 1, end) : notHere;
}

/** Reads a field's value into its columns. @returns where it ends */
function readField(field: Field, bytes: DataView, start: number, end: number, columns: readonly TextColumn[], rows: number): number {
  if (field.reading === null) return endOfScalar(bytes, start, end);
  let valueEnd = endOfNull(bytes, start, end);
  const isNull = valueEnd !== notHere;
  for (let reading: Reading | null = field.reading; reading !== null; reading = reading.next) {
    const column = columns[reading.place] as TextColumn;
    // the same name came before, and the last one counts
    if (column.count > rows) return notHere;
    if (isNull) continue;
    valueEnd = readBytes(reading.form, bytes, start, end, column, reading.max);
    if (valueEnd === notHere) valueEnd = readValue(reading, bytes, start, end, column);
    if (valueEnd === notHere) return notHere;
  }
  return valueEnd;
}

/** The same through a JavaScript value and the column's own reader. */
function readValue(reading: Reading, bytes: DataView, start: number, end: number, column: TextColumn): number {
  const valueEnd = endOfScalar(bytes, start, end);
  if (valueEnd === notHere) return notHere;
  const value = scalarBetween(bytes, start, valueEnd);
  if (value === null || (reading.blankIsMissing && isBlank(value))) return notHere;
  const text = reading.read(value);
  if (typeof text !== "string") return notHere;
  column.add(text);
  return valueEnd;
}
