import { type ByteForm, byteForm, readBytes } from "./byte-readers.ts";
import type { ColumnReader } from "./column-reader.ts";
import type { Contract } from "./column.ts";
import { FactReading } from "./fact-reading.ts";
import type { Incoming, Line } from "./incoming.ts";
import {
  bufferOf,
  closeBrace,
  colon,
  comma,
  endOfNull,
  endOfPlainText,
  endOfSpace,
  endOfValue,
  isAt,
  isNested,
  notHere,
  openBrace,
  valueBetween,
} from "./json-bytes.ts";
import type { TextColumn } from "./text-column.ts";

/** No text is longer. */
const noLimit = 2 ** 31 - 1;
/** Of the names of fields that nothing reads: keys that are data can be without end. */
const mostRemembered = 256;
const longestRememberedBytes = 256;
/** Of what followed one field. */
const mostSteps = 4;
/** After so many lines in a row that went the general way, only one in some is tried. */
const patientLines = 64;
const triedOneIn = 16;

/** The reader of a contract's flat lines; null where a body has to be unwrapped first, or says what it is known by. */
export function createFlatLines(contract: Contract, columns: readonly ColumnReader[]): FlatLines | null {
  const isOfBytes = contract.decode.length === 0 && contract.identity === undefined && columns.length > 0;
  return isOfBytes ? new FlatLines(contract.maxBodyBytes, columns) : null;
}

/** How one column is read. */
class Reading {
  readonly reader: ColumnReader;
  readonly place: number;
  readonly form: ByteForm;
  readonly max: number;
  /** The next of the same field. */
  next: Reading | null = null;

  constructor(reader: ColumnReader, place: number) {
    const { column, hasExceptions } = reader;
    this.reader = reader;
    this.place = place;
    this.form = hasExceptions ? "value" : byteForm(column);
    this.max = column.max ?? noLimit;
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

/** What followed a field before. */
class Step {
  readonly gap: Gap;
  readonly field: Field;
  /** Another that was seen earlier. */
  next: Step | null;

  constructor(gap: Gap, field: Field, next: Step | null) {
    this.gap = gap;
    this.field = field;
    this.next = next;
  }
}

/** A field by its name, and what followed it. Lines of one file mostly have the same fields in the same order. */
class Field {
  /** Null for a field that nothing reads. */
  readonly reading: Reading | null;
  /** A column looks into it, where it is an object. */
  readonly isLookedInto: boolean;
  step: Step | null = null;

  constructor(reading: Reading | null, isLookedInto: boolean) {
    this.reading = reading;
    this.isLookedInto = isLookedInto;
  }

  /** Remembers what followed now; the oldest of too many goes. */
  learn(gap: Gap, field: Field): void {
    this.step = new Step(gap, field, this.step);
    let last = this.step;
    for (let count = 1; count < mostSteps && last.next !== null; count += 1) last = last.next;
    last.next = null;
  }
}

/**
 * Reads bodies that are simple JSON objects straight from their bytes: no string of the line, no object. It never finds a fault: whatever it
 * does not take at once, and all that JSON.parse or the contract would refuse, is left to the general way.
 */
export class FlatLines {
  readonly #maxBytes: number;
  readonly #readings: Reading[] = [];
  readonly #facts: FactReading[] = [];
  readonly #fields = new Map<string, Field>();
  /** What stands before the first field: the opening brace. */
  readonly #head = new Field(null, false);
  /** All fields that there was no room to remember. */
  readonly #other = new Field(null, false);
  #remembered = 0;
  /** Lines that went the general way, since the last one that did not. */
  #misses = 0;
  /** Where the value of the field begins that was looked up last. */
  #valueStart = 0;
  /** The bytes that were read from last. */
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(this.#bytes.buffer, 0, 0);

  constructor(maxBytes: number, columns: readonly ColumnReader[]) {
    this.#maxBytes = maxBytes;
    columns.forEach((reader, place) => {
      if (reader.column.from.startsWith("$")) this.#facts.push(new FactReading(reader, place));
      else this.#readings.push(new Reading(reader, place));
    });
    const paths = this.#readings.map(({ reader }) => reader.column.from);
    const lookedInto = new Set(paths.filter((path) => path.includes(".")).map((path) => path.slice(0, path.indexOf("."))));
    for (const name of lookedInto) this.#fields.set(name, new Field(null, true));
    for (const reading of this.#readings) {
      const { from } = reading.reader.column;
      reading.next = this.#fields.get(from)?.reading ?? null;
      this.#fields.set(from, new Field(reading, lookedInto.has(from)));
    }
  }

  /**
   * Appends the row that the contract makes of a line: a text or null to every column.
   * @returns false, with nothing appended, for a line that is to go the general way
   */
  append({ bytes, start, end }: Line, incoming: Incoming, columns: readonly TextColumn[]): boolean {
    if (this.#misses >= patientLines && this.#misses % triedOneIn !== 0) {
      this.#misses += 1;
      return false;
    }
    const rows = (columns[0] as TextColumn).count;
    if (end - start <= this.#maxBytes && this.#readFields(this.#viewOf(bytes), start, end, columns, rows)) {
      if (this.#fill(incoming, columns, rows)) {
        this.#misses = 0;
        return true;
      }
    }
    this.#misses += 1;
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
      let step = before.step;
      while (step !== null && !step.gap.isAt(bytes, at, end)) step = step.next;
      let field: Field;
      if (step !== null) {
        field = step.field;
        at = endOfSpace(bytes, at + step.gap.length, end);
      } else {
        const close = endOfLine(bytes, at, end, before === this.#head);
        if (close !== notHere) return close === end;
        const found = this.#lookUp(bytes, at, end, before);
        if (found === null) return false;
        field = found;
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
    if (!isAt(before === this.#head ? openBrace : comma, bytes, at, end)) return null;
    const nameStart = endOfSpace(bytes, at + 1, end);
    const nameEnd = endOfPlainText(bytes, nameStart, end);
    if (nameEnd === notHere) return null;
    at = endOfSpace(bytes, nameEnd, end);
    if (!isAt(colon, bytes, at, end)) return null;
    at = endOfSpace(bytes, at + 1, end);
    this.#valueStart = at;
    const field = this.#fieldNamed(bufferOf(bytes, nameStart + 1, nameEnd - 1).toString("latin1"));
    if (field !== this.#other && at - start <= longestRememberedBytes) {
      before.learn(new Gap(bufferOf(bytes, start, at)), field);
    }
    return field;
  }

  #fieldNamed(name: string): Field {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    if (this.#remembered === mostRemembered) return this.#other;
    const ignored = new Field(null, false);
    this.#remembered += 1;
    this.#fields.set(name, ignored);
    return ignored;
  }

  /** Columns of what the line had nothing for, or what does not stand in it. */
  #fill(incoming: Incoming, columns: readonly TextColumn[], rows: number): boolean {
    const readings = this.#readings;
    for (let index = 0; index < readings.length; index += 1) {
      const { reader, place } = readings[index] as Reading;
      const column = columns[place] as TextColumn;
      if (column.count === rows && reader.appendValue(undefined, column) !== null) return false;
    }
    const facts = this.#facts;
    for (let index = 0; index < facts.length; index += 1) {
      const fact = facts[index] as FactReading;
      if (!fact.append(incoming, columns[fact.place] as TextColumn)) return false;
    }
    return true;
  }
}

/** The end of the line, if there is only the object's closing brace before it; the opening one too where no field has come. */
function endOfLine(bytes: DataView, start: number, end: number, isEmpty: boolean): number {
  let at = endOfSpace(bytes, start, end);
  if (isEmpty) {
    if (!isAt(openBrace, bytes, at, end)) return notHere;
    at = endOfSpace(bytes, at + 1, end);
  }
  return isAt(closeBrace, bytes, at, end) ? endOfSpace(bytes, at + 1, end) : notHere;
}

/** Reads a field's value into its columns. @returns where it ends */
function readField(
  field: Field,
  bytes: DataView,
  start: number,
  end: number,
  columns: readonly TextColumn[],
  rows: number,
): number {
  let { reading } = field;
  if (field.isLookedInto && isNested(bytes, start, end)) return notHere;
  if (reading === null) return endOfValue(bytes, start, end);
  for (;;) {
    const column = columns[reading.place] as TextColumn;
    // the same name came before, and the last one counts
    if (column.count > rows) return notHere;
    let valueEnd = readBytes(reading.form, bytes, start, end, column, reading.max);
    if (valueEnd === notHere) valueEnd = readValue(reading, bytes, start, end, column);
    if (valueEnd === notHere || reading.next === null) return valueEnd;
    reading = reading.next;
  }
}

/** The same through a JavaScript value. Of null nothing is appended: it is the same as no field. */
function readValue({ reader }: Reading, bytes: DataView, start: number, end: number, column: TextColumn): number {
  const nullEnd = endOfNull(bytes, start, end);
  if (nullEnd !== notHere) return nullEnd;
  const valueEnd = endOfValue(bytes, start, end);
  if (valueEnd === notHere) return notHere;
  return reader.appendValue(valueBetween(bytes, start, valueEnd), column) === null ? valueEnd : notHere;
}
