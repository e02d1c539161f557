import type { TextColumn } from "../contract/text-column.ts";

/** https://www.postgresql.org/docs/10/catalog-pg-type.html: fixed in every version. */
const textOid = 25;
const timestamptzOid = 1184;
const wordBytes = 4;
/** Dimensions, whether there are nulls, element type; then length and lower bound of the one dimension. */
const headBytes = 5 * wordBytes;
const emptyHeadBytes = 3 * wordBytes;

/**
 * Texts as one parameter of type `text[]`, in PostgreSQL's binary format (array_send): the driver sends a Buffer as it is. Less than
 * half the work of the literal that it writes of an array, which quotes and escapes every element, and that the server then takes apart.
 */
export function textArray(column: TextColumn): Buffer {
  const { count, usedBytes } = column;
  const array = arrayOf(count, textOid, column.hasNulls, usedBytes);
  if (count > 0) column.bytes.copy(array, headBytes, 0, usedBytes);
  return array;
}

/** PostgreSQL counts microseconds from the first moment of 2000; the greatest count is `infinity`. */
const epochMs = 946_684_800_000;
const halfRange = 4_294_967_296;
const timeBytes = 8;

/** Times in milliseconds since 1970 as one parameter of type `timestamptz[]`; null is `infinity`. */
export function timeArray(timesMs: readonly (number | null)[]): Buffer {
  const array = arrayOf(timesMs.length, timestamptzOid, false, timesMs.length * (wordBytes + timeBytes));
  for (let index = 0, at = headBytes; index < timesMs.length; index += 1) {
    const timeMs = timesMs[index] ?? null;
    at = array.writeInt32BE(timeBytes, at);
    if (timeMs === null) {
      at = array.writeInt32BE(0x7fff_ffff, at);
      at = array.writeUInt32BE(0xffff_ffff, at);
      continue;
    }
    // in two halves: the whole is more than a number holds
    const sinceMs = Math.trunc(timeMs) - epochMs;
    const high = Math.floor(sinceMs / halfRange);
    const low = (sinceMs - high * halfRange) * 1_000;
    const carry = Math.floor(low / halfRange);
    at = array.writeInt32BE(high * 1_000 + carry, at);
    at = array.writeUInt32BE(low - carry * halfRange, at);
  }
  return array;
}

function arrayOf(count: number, oid: number, hasNulls: boolean, bytes: number): Buffer {
  const head = count === 0 ? [0, 0, oid] : [1, hasNulls ? 1 : 0, oid, count, 1];
  const array = Buffer.allocUnsafe(count === 0 ? emptyHeadBytes : headBytes + bytes);
  head.forEach((word, index) => array.writeInt32BE(word, index * wordBytes));
  return array;
}
