import { isUtf8 } from "node:buffer";

import type { Advance } from "../../pipeline/ports.ts";
import type { InputFile } from "./input-file.ts";
import { FileLine, type LineReading, type LinesTogether } from "./line.ts";

/** The lines of a block from its position on, as they were read. */
export interface BlockBytes {
  readonly file: InputFile;
  readonly number: number;
  /** From where it was loaded on: its position. */
  readonly next: number;
  /** Whole lines, but that the last may be cut where it is too long. */
  readonly bytes: Buffer;
  /** Where in the block the first of them begins. */
  readonly origin: number;
  /** What they lie in, to be given back when nobody looks at them any more. */
  readonly buffer: Buffer;
  /** How much of the file, as it lies there, these bytes are: for the progress. */
  readonly diskBytes: number;
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const highestBlank = 0x20;
/** As the id of a line: long enough that no two files of a pipeline share it. */
const idDigits = 16;

/** The stream of a block's position (ports.ts, `Advance`). */
export function streamOf({ fingerprint }: Pick<InputFile, "fingerprint">, number: number): string {
  return `${fingerprint}/${number}`;
}

/**
 * Lines that begin in the same fixed part of a file, with the place up to where they were loaded: 0 before the first load, then the
 * offset in the block at which the next line begins, and the block's length when no other line does. One batch is out at a time.
 */
export class Block implements LinesTogether {
  readonly file: InputFile;
  readonly number: number;
  readonly fileName: string;
  readonly stream: string;
  readonly bytes: Buffer;
  readonly buffer: Buffer;
  readonly reading: LineReading;
  readonly idPrefix: string;
  /** Where `bytes` begins in the unpacked file. */
  readonly offset: number;
  /** All of it is UTF-8. */
  readonly isText: boolean;
  /** No line of the batch that is out is too long, and all are text. */
  isSound = true;
  receivedAtMs = 0;
  attempt = 1;
  /** Of the batch that was handed out last. */
  lines: FileLine[] = [];
  readonly #origin: number;
  readonly #diskBytesPerByte: number;
  /** In `bytes`: where the next line begins, and where the one behind the batch that is out does. */
  #at = 0;
  #behind = 0;
  /** As the sink knows it. */
  #position: number;
  #isOut = false;

  constructor({ file, number, next, bytes, buffer, origin, diskBytes }: BlockBytes, reading: LineReading) {
    this.file = file;
    this.number = number;
    this.fileName = file.name;
    this.stream = streamOf(file, number);
    this.bytes = bytes;
    this.buffer = buffer;
    this.reading = reading;
    this.idPrefix = `${file.fingerprint.slice(0, idDigits)}:`;
    this.offset = number * file.blockBytes + origin;
    this.isText = isUtf8(bytes);
    this.#origin = origin;
    this.#diskBytesPerByte = bytes.length === 0 ? 0 : diskBytes / bytes.length;
    this.#position = next;
  }

  /** A batch of it is out. */
  get isOut(): boolean {
    return this.#isOut;
  }

  get position(): number {
    return this.#position;
  }

  /** Everything in it is loaded. */
  get isDone(): boolean {
    return this.#position >= this.file.blockBytes;
  }

  /** The step that goes with the batch that is out, or that no line is left for. */
  get step(): Advance {
    const to = this.#behind === this.bytes.length ? this.file.blockBytes : this.#origin + this.#behind;
    return { stream: this.stream, from: this.#position, to };
  }

  /** How much of the file on disk that step is. */
  get stepDiskBytes(): number {
    return (this.#behind - this.#at) * this.#diskBytesPerByte;
  }

  /**
   * The next lines that are not blank, up to so many and, from the second on, so many bytes; none when there are no more.
   * @param lines of another batch, which these are made of
   */
  take(limit: number, mostBytes: number, nowMs: number, lines: FileLine[] = []): FileLine[] {
    const { bytes } = this;
    const { mostBytes: longestLine } = this.reading;
    let count = 0;
    let at = this.#at;
    let isSound = this.isText;
    while (at < bytes.length) {
      const found = bytes.indexOf(newline, at);
      const next = found < 0 ? bytes.length : found + 1;
      let end = found < 0 ? bytes.length : found;
      if (end > at && bytes[end - 1] === carriageReturn) end -= 1;
      if (!isBlank(bytes, at, end)) {
        if (count === limit || (count > 0 && next - this.#at > mostBytes)) break;
        if (end - at > longestLine) isSound = false;
        const line = lines[count];
        if (line === undefined) lines.push(new FileLine(this, at, end));
        else line.become(this, at, end);
        count += 1;
      }
      at = next;
    }
    lines.length = count;
    this.lines = lines;
    this.#behind = at;
    this.#isOut = count > 0;
    this.isSound = isSound;
    this.receivedAtMs = nowMs;
    return lines;
  }

  /** The batch that was out is in the sink, and the position with it. */
  settled(): void {
    this.#position = this.step.to;
    this.settledAhead();
  }

  /** The batch that was out is in the sink, and the position is not yet: the next step will be from where it stands. */
  settledAhead(): void {
    this.#isOut = false;
    this.#at = this.#behind;
  }

  /** The batch that was out is to come again. */
  returned(): void {
    this.#isOut = false;
    this.attempt += 1;
  }
}

/** Nothing, or nothing but white space. */
function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((bytes[at] as number) > highestBlank) return false;
  return true;
}
