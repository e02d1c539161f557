import { isUtf8 } from "node:buffer";

/** A line by its number, from 1. `text` is null when it is longer than allowed or no UTF-8: then it was not kept. */
export interface Line {
  readonly number: number;
  readonly text: string | null;
}

const newline = 0x0a;

/**
 * Lines of a byte stream, as many at a time as came together: whoever waits for the answer to a line gets it. Blank lines are counted,
 * not handed on. Never holds more than one chunk and one line of `maxBytes`.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<readonly Line[]> {
  let number = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  const finish = (end: Uint8Array): Line[] => {
    number += 1;
    const bytes = restBytes + end.length > maxBytes ? null : Buffer.concat([...rest, end]);
    rest = [];
    restBytes = 0;
    const whole = bytes === null || !isUtf8(bytes) ? null : bytes.toString();
    // the mark that some programs put at the start of a file is no part of its first line
    const text = number === 1 && whole?.startsWith("\uFEFF") === true ? whole.slice(1) : whole;
    return text?.trim() === "" ? [] : [{ number, text }];
  };
  for await (const part of input) {
    const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      lines.push(...finish(chunk.subarray(start, end)));
      start = end + 1;
    }
    restBytes += chunk.length - start;
    // of a line that is too long already only its length counts
    if (restBytes <= maxBytes && start < chunk.length) rest.push(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (restBytes > 0) yield finish(Buffer.alloc(0));
}
