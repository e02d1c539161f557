import type { TextColumn } from "./text-column.ts";

const wordBytes = 4;

/** Appends the bytes between two places as they are. @returns false, with nothing appended, where they are more than `max` */
export function copyRun(bytes: DataView, start: number, end: number, column: TextColumn, max: number): boolean {
  const length = end - start;
  if (length > max) return false;
  // a word more: the last one is written whole
  let to = column.next(length + wordBytes);
  const { view } = column;
  let at = start;
  for (const lastWord = bytes.byteLength - wordBytes; at < end && at <= lastWord; at += wordBytes) {
    view.setInt32(to, bytes.getInt32(at));
    to += wordBytes;
  }
  for (; at < end; at += 1) {
    view.setUint8(to, bytes.getUint8(at));
    to += 1;
  }
  column.added(length);
  return true;
}
