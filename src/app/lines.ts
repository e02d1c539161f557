import { isAscii, isUtf8 } from "node:buffer";

/** Lines that came together. Blank ones are counted and not kept; so are those that are longer than allowed or no UTF-8. */
export interface Lines {
  readonly bytes: Buffer;
  /** The number of each line that was kept, from 1, and where it stands in `bytes`, without the newline. */
  readonly numbers: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** The numbers of the lines that cannot be read. */
  readonly unreadable: readonly number[];
}

/** Gives the texts of lines. */
export function textReader({ bytes, starts, ends }: Lines): (index: number) => string {
  if (!isAscii(bytes)) return (index) => bytes.toString("utf8", starts[index], ends[index]);
  // one text, and parts of it: a call into the runtime for each line would take longer than the line
  const text = bytes.toString("latin1");
  return (index) => text.slice(starts[index], ends[index]);
}

const newline = 0x0a;
const space = 0x20;
const del = 0x7f;
/** The mark that some programs put at the start of a file. It is no part of its first line. */
const byteOrderMark = Buffer.from("\uFEFF");

/**
 * Lines of a byte stream, as many at a time as came together: whoever waits for the answer to a line gets it. Never holds more than two
 * chunks and a line of `maxBytes`.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Lines> {
  let number = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  const finish = (end: Buffer): Lines => {
    const isKept = restBytes <= maxBytes;
    // of a line that was too long before its end only the end is here
    const bytes = isKept && restBytes > 0 ? Buffer.concat([...rest, end]) : end;
    const lines = splitLines(bytes, number, maxBytes, !isKept);
    number = lines.last;
    rest = [];
    restBytes = 0;
    return lines;
  };
  for await (const part of input) {
    const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    const wholeEnd = chunk.lastIndexOf(newline) + 1;
    if (wholeEnd > 0) yield finish(chunk.subarray(0, wholeEnd));
    restBytes += chunk.length - wholeEnd;
    if (restBytes > maxBytes) rest = [];
    else if (wholeEnd < chunk.length) rest.push(chunk.subarray(wholeEnd));
  }
  if (restBytes > 0) yield finish(Buffer.alloc(0));
}

/** @param former how many lines came before @param isFirstCut the first of these has lost its beginning */
function splitLines(bytes: Buffer, former: number, maxBytes: number, isFirstCut: boolean): Lines & { readonly last: number } {
  const numbers: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const unreadable: number[] = [];
  const areUtf8 = isUtf8(bytes);
  let number = former;
  for (let next = 0; next < bytes.length || number === former;) {
    let start = next;
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    next = end + 1;
    number += 1;
    if (end - start > maxBytes || (isFirstCut && number === former + 1) || !(areUtf8 || isUtf8(bytes.subarray(start, end)))) {
      unreadable.push(number);
      continue;
    }
    if (number === 1 && bytes.subarray(start, end).indexOf(byteOrderMark) === 0) start += byteOrderMark.length;
    if (isBlank(bytes, start, end)) continue;
    numbers.push(number);
    starts.push(start);
    ends.push(end);
  }
  return { bytes, numbers, starts, ends, unreadable, last: number };
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] ?? 0;
  return start === end || ((first <= space || first > del) && bytes.toString("utf8", start, end).trim() === "");
}
