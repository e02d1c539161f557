import type { Incoming, Line } from "../contract/incoming.ts";
import { type Lines, textReader } from "./lines.ts";

/** Lines as events, one after the other, without anything that only messages have. Nothing of them becomes a text before it is asked for. */
export class LineEvent implements Incoming, Line {
  readonly id = "";
  readonly sentAtMs = null;
  readonly receivedAtMs = 0;
  readonly groupId = null;
  readonly attributes: Readonly<Record<string, string>> = {};
  readonly bytes: Buffer;
  start = 0;
  end = 0;
  readonly #lines: Lines;
  #index = 0;
  #textAt: ((index: number) => string) | null = null;

  constructor(lines: Lines) {
    this.#lines = lines;
    this.bytes = lines.bytes;
  }

  /** Makes it the line at a place in the list. */
  moveTo(index: number): void {
    this.#index = index;
    this.start = this.#lines.starts[index] as number;
    this.end = this.#lines.ends[index] as number;
  }

  get body(): string {
    this.#textAt ??= textReader(this.#lines);
    return this.#textAt(this.#index);
  }

  get line(): Line {
    return this;
  }
}
