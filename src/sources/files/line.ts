import { isUtf8 } from "node:buffer";

import { bodyFault, type Fault } from "../../contract/fault.ts";
import type { Delivery } from "../../pipeline/ports.ts";

const noAttributes: Readonly<Record<string, string>> = Object.freeze({});

/** How lines are read. */
export interface LineReading {
  /** A longer line is refused. */
  readonly mostBytes: number;
  /** When the event of a line happened; null where nothing says so. */
  readonly sentAt: (line: FileLine) => number | null;
}

/** What lines that were read together have in common. */
export interface LinesTogether {
  readonly bytes: Buffer;
  /** Where `bytes` begins in the unpacked file. */
  readonly offset: number;
  readonly fileName: string;
  /** What their ids begin with. */
  readonly idPrefix: string;
  readonly reading: LineReading;
  /** All of `bytes` is UTF-8. */
  readonly isText: boolean;
  /** Those of the batch that is out are text, and none is too long. */
  readonly isSound: boolean;
  readonly receivedAtMs: number;
  readonly attempt: number;
}

/**
 * A line of a file. Holds places only: of a thousand lines that are read from their bytes none becomes a text. Good until its batch is
 * settled: its bytes are used for other lines then.
 */
export class FileLine implements Delivery {
  #among: LinesTogether;
  #start: number;
  #end: number;

  constructor(among: LinesTogether, start: number, end: number) {
    this.#among = among;
    this.#start = start;
    this.#end = end;
  }

  /** Makes another line of it: what is made anew for each of a million lines is in the way of the collector. */
  become(among: LinesTogether, start: number, end: number): void {
    this.#among = among;
    this.#start = start;
    this.#end = end;
  }

  get among(): LinesTogether {
    return this.#among;
  }

  /** In `bytes`, without the end of the line. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get bytes(): Buffer {
    return this.among.bytes;
  }

  /** Where its bytes are, for who reads it from them. */
  get line(): this {
    return this;
  }

  /** The file's fingerprint, shortened, and where in the (unpacked) file the line begins: rising, and free of anything personal. */
  get id(): string {
    return `${this.among.idPrefix}${this.among.offset + this.start}`;
  }

  /** For people. */
  get place(): string {
    return `${this.among.fileName}, byte ${this.among.offset + this.start}`;
  }

  /** Of a line that is too long its beginning; of bytes that are no UTF-8 one character a byte (latin1), so that none is lost. */
  get body(): string {
    const { bytes, reading } = this.among;
    const end = Math.min(this.end, this.start + reading.mostBytes);
    return bytes.toString(this.#isText ? "utf8" : "latin1", this.start, end);
  }

  get sentAtMs(): number | null {
    return this.among.reading.sentAt(this);
  }

  get receivedAtMs(): number {
    return this.among.receivedAtMs;
  }

  get attempt(): number {
    return this.among.attempt;
  }

  get groupId(): null {
    return null;
  }

  get attributes(): Readonly<Record<string, string>> {
    return noAttributes;
  }

  get handle(): string {
    return "";
  }

  /** Why this is no body at all; null where it may be one. */
  get fault(): Fault | null {
    const { mostBytes } = this.among.reading;
    if (this.end - this.start > mostBytes) return bodyFault("too_large", `a line of at most ${mostBytes} bytes`, "a longer line");
    return this.#isText ? null : bodyFault("bad_encoding", "UTF-8 text", "other bytes");
  }

  get #isText(): boolean {
    return this.among.isText || isUtf8(this.among.bytes.subarray(this.start, this.end));
  }
}
