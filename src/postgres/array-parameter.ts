import type { TextColumn } from "../contract/text-column.ts";

/** https://www.postgresql.org/docs/10/catalog-pg-type.html: fixed in every version. */
const textOid = 25;
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
  const head = count === 0 ? [0, 0, textOid] : [1, column.hasNulls ? 1 : 0, textOid, count, 1];
  const array = Buffer.allocUnsafe(count === 0 ? emptyHeadBytes : headBytes + usedBytes);
  head.forEach((word, index) => array.writeInt32BE(word, index * wordBytes));
  if (count > 0) column.bytes.copy(array, headBytes, 0, usedBytes);
  return array;
}
