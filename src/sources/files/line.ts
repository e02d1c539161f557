import { isUtf8 } from "node:buffer";

import { bodyFault, type Fault } from "../../contract/fault.ts";
import type { Line } from "../../contract/incoming.ts";
import type { Delivery } from "../../pipeline/ports.ts";
import type { Block } from "./block.ts";

const noAttributes: Readonly<Record<string, string>> = Object.freeze({});

/**
 * A line of a file. Holds places only: of a thousand lines that are read from their bytes none becomes a text.
 */
export class FileLine implements Delivery, Line {
  readonly block: Block;
  /** In `block.bytes`, without the end of the line. */
  readonly start: number;
  readonly end: number;

  constructor(block: Block, start: number, end: number) {
    this.block = block;
    this.start = start;
    this.end = end;
  }

  get bytes(): Buffer {
    return this.block.bytes;
  }

  get line(): Line {
    return this;
  }

  /** The file's fingerprint, shortened, and where in the (unpacked) file the line begins: rising, and free of anything personal. */
  get id(): string {
    return `${this.block.idPrefix}${this.block.offset + this.start}`;
  }

  /** For people. */
  get place(): string {
    return `${this.block.file.name}, byte ${this.block.offset + this.start}`;
  }

  /** Of a line that is too long its beginning; of bytes that are no UTF-8 one character a byte (latin1), so that none is lost. */
  get body(): string {
    const { bytes, reading } = this.block;
    const end = Math.min(this.end, this.start + reading.mostBytes);
    return bytes.toString(this.#isText ? "utf8" : "latin1", this.start, end);
  }

  get sentAtMs(): number | null {
    return this.block.reading.sentAt(this);
  }

  get receivedAtMs(): number {
    return this.block.receivedAtMs;
  }

  get attempt(): number {
    return this.block.attempt;
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
    const { mostBytes } = this.block.reading;
    if (this.end - this.start > mostBytes) return bodyFault("too_large", `a line of at most ${mostBytes} bytes`, "a longer line");
    return this.#isText ? null : bodyFault("bad_encoding", "UTF-8 text", "other bytes");
  }

  get #isText(): boolean {
    return this.block.isText || isUtf8(this.block.bytes.subarray(this.start, this.end));
  }
}
