import { lengthBytes, TextColumn } from "../contract/text-column.ts";

/**
 * What COPY takes in its binary format of a column whose texts its type's input function would read: the same value, told in fewer words.
 * Null where a text has another form than the one that is known here: the server has to read it itself.
 */
export type FieldEncoder = (column: TextColumn) => TextColumn | null;

/**
 * By the function that receives a type's binary form, as PostgreSQL names it inside: those of a domain are what it stands on, and an
 * extension's text type receives as text does.
 */
const encoders: Readonly<Record<string, FieldEncoder>> = {
  textrecv: (column) => column,
  varcharrecv: (column) => column,
  bpcharrecv: (column) => column,
  json_recv: (column) => column,
  enum_recv: (column) => column,
  jsonb_recv: versionedTexts,
  int2recv: integers(2, 32_767),
  int4recv: integers(4, 2_147_483_647),
  int8recv: integers(8, Number.MAX_SAFE_INTEGER),
  float8recv: eachRow(8, writeFloat),
  boolrecv: eachRow(1, writeBoolean),
  uuid_recv: eachRow(16, writeUuid),
  date_recv: eachRow(4, writeDate),
  timestamp_recv: eachRow(8, writeTime),
  timestamptz_recv: eachRow(8, writeTime),
};

/** @param receive the function inside PostgreSQL */
export function fieldEncoder(receive: string): FieldEncoder {
  return (Object.hasOwn(encoders, receive) && encoders[receive]) || onlyNulls;
}

/** NULL is the same in every type. */
function onlyNulls(column: TextColumn): TextColumn | null {
  return column.usedBytes === column.count * lengthBytes && column.hasNulls && allNull(column) ? column : null;
}

function allNull(column: TextColumn): boolean {
  for (let row = 0; row < column.count; row += 1) if (!column.isNull(row)) return false;
  return true;
}

/** Writes the value of the text that stands at `from` up to `to`; false where its form is another one. */
type ValueWriter = (bytes: Buffer, from: number, to: number, target: Buffer, at: number) => boolean;

function eachRow(width: number, write: ValueWriter): FieldEncoder {
  return (column) => {
    const fields = new TextColumn(column.count, column.count * width);
    const { bytes, ends } = column;
    for (let row = 0; row < column.count; row += 1) {
      if (column.isNull(row)) {
        fields.addNull();
        continue;
      }
      const at = fields.next(width);
      if (!write(bytes, (ends[row] as number) + lengthBytes, ends[row + 1] as number, fields.bytes, at)) return null;
      fields.added(width);
    }
    return fields;
  };
}

/** The first version of jsonb's binary form: a byte 1, then the text. */
function versionedTexts(column: TextColumn): TextColumn {
  const fields = new TextColumn(column.count, column.usedBytes + column.count);
  const { bytes, ends } = column;
  for (let row = 0; row < column.count; row += 1) {
    if (column.isNull(row)) {
      fields.addNull();
      continue;
    }
    const [start, end] = [(ends[row] as number) + lengthBytes, ends[row + 1] as number];
    const at = fields.next(1 + end - start);
    fields.bytes[at] = 1;
    bytes.copy(fields.bytes, at + 1, start, end);
    fields.added(1 + end - start);
  }
  return fields;
}

const zero = 0x30;
const minus = 0x2d;
const halfRange = 4_294_967_296;

/** Decimal digits with or without a minus. What does not fit is for the server to refuse; so is an int8 beyond 2^53 to read. */
function integers(width: number, largest: number): FieldEncoder {
  return eachRow(width, (bytes, from, to, target, at) => {
    const isNegative = bytes[from] === minus;
    const start = isNegative ? from + 1 : from;
    if (to - start < 1 || to - start > 16) return false;
    let digits = 0;
    for (let index = start; index < to; index += 1) {
      const digit = (bytes[index] as number) - zero;
      if (digit < 0 || digit > 9) return false;
      digits = digits * 10 + digit;
    }
    if (digits > (isNegative ? largest + 1 : largest)) return false;
    const value = isNegative ? -digits : digits;
    if (width === 2) target.writeInt16BE(value, at);
    else if (width === 4) target.writeInt32BE(value, at);
    else writeLong(target, value, at);
    return true;
  });
}

/** @param value whole, and one that a number holds */
function writeLong(target: Buffer, value: number, at: number): void {
  const high = Math.floor(value / halfRange);
  target.writeInt32BE(high, at);
  target.writeUInt32BE(value - high * halfRange, at + 4);
}

function writeBoolean(bytes: Buffer, from: number, to: number, target: Buffer, at: number): boolean {
  const text = bytes.toString("latin1", from, to);
  target[at] = text === "true" ? 1 : 0;
  return text === "true" || text === "false";
}

const decimal = /^-?\d+(\.\d+)?$/;

/** Both round to the nearest; what is too large or too small for a number is for the server to refuse. */
function writeFloat(bytes: Buffer, from: number, to: number, target: Buffer, at: number): boolean {
  const text = bytes.toString("latin1", from, to);
  const value = Number(text);
  if (!decimal.test(text) || !Number.isFinite(value) || (value === 0 && /[1-9]/.test(text))) return false;
  target.writeDoubleBE(value, at);
  return true;
}

/** 8-4-4-4-12 */
const dashes: readonly number[] = [8, 13, 18, 23];

function writeUuid(bytes: Buffer, from: number, to: number, target: Buffer, at: number): boolean {
  if (to - from !== 36) return false;
  let nibbles = 0;
  for (let index = 0; index < 36; index += 1) {
    const code = bytes[from + index] as number;
    if (dashes.includes(index)) {
      if (code !== minus) return false;
      continue;
    }
    const nibble = hexDigit(code);
    if (nibble < 0) return false;
    const place = at + (nibbles >> 1);
    target[place] = nibbles % 2 === 0 ? nibble << 4 : (target[place] as number) | nibble;
    nibbles += 1;
  }
  return true;
}

function hexDigit(code: number): number {
  if (code >= zero && code <= 0x39) return code - zero;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function writeDate(bytes: Buffer, from: number, to: number, target: Buffer, at: number): boolean {
  const days = to - from === 10 ? daysAt(bytes, from) : null;
  if (days === null) return false;
  target.writeInt32BE(days, at);
  return true;
}

const dayMicroseconds = 86_400_000_000;

/** A date, or a point in time in UTC as the contract writes it: 2024-01-31T23:59:59.123456Z. */
function writeTime(bytes: Buffer, from: number, to: number, target: Buffer, at: number): boolean {
  const days = to - from >= 10 ? daysAt(bytes, from) : null;
  const ofDay = to - from === 10 ? 0 : timeOfDay(bytes, from + 10, to);
  if (days === null || ofDay === null) return false;
  // days are at most 2.9 million, so the product is below 2^58: in two parts, as a number holds 2^53
  const unit = 1_000_000;
  const seconds = days * (dayMicroseconds / unit) + Math.floor(ofDay / unit);
  const high = Math.floor(seconds / halfRange);
  const low = (seconds - high * halfRange) * unit + (ofDay % unit);
  const carry = Math.floor(low / halfRange);
  target.writeInt32BE(high * unit + carry, at);
  target.writeUInt32BE(low - carry * halfRange, at + 4);
  return true;
}

/** Microseconds; null where the text is not of the form T23:59:59.123456Z, with up to six digits of a fraction or none. */
function timeOfDay(bytes: Buffer, from: number, to: number): number | null {
  const isFramed =
    bytes[from] === 0x54 && bytes[from + 3] === 0x3a && bytes[from + 6] === 0x3a && to - from >= 10 && bytes[to - 1] === 0x5a;
  const hour = numberAt(bytes, from + 1, from + 3);
  const minute = numberAt(bytes, from + 4, from + 6);
  const second = numberAt(bytes, from + 7, from + 9);
  if (!isFramed || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null;
  const digits = to - from - 11;
  if (digits === -1) return ((hour * 60 + minute) * 60 + second) * 1_000_000;
  const fraction = bytes[from + 9] === 0x2e && digits > 0 && digits <= 6 ? numberAt(bytes, from + 10, to - 1) : -1;
  return fraction < 0 ? null : ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction * 10 ** (6 - digits);
}

/** Days since 2000-01-01 of a text like 2024-01-31; null where it is no day of the years 0001 to 9999. */
function daysAt(bytes: Buffer, from: number): number | null {
  const year = numberAt(bytes, from, from + 4);
  const month = numberAt(bytes, from + 5, from + 7);
  const day = numberAt(bytes, from + 8, from + 10);
  if (bytes[from + 4] !== minus || bytes[from + 7] !== minus || year < 1 || month < 1 || month > 12 || day < 1) return null;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > (month === 2 ? (isLeap ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31)) return null;
  // years that begin in March, so that the leap day is a year's last
  const shifted = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const days = shifted * 365 + Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400) + dayOfYear;
  return days - epochDays;
}

/** Of 2000-01-01 in the count of `daysAt`, from the first of March of the year 0. */
const epochDays = 730_425;

/** Decimal digits; -1 where one is none. */
function numberAt(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let index = from; index < to; index += 1) {
    const digit = (bytes[index] as number) - zero;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}
