import type { ColumnReader } from "./column-reader.ts";
import { copyRun } from "./copy-run.ts";
import type { Incoming } from "./incoming.ts";
import type { JsonObject } from "./json-value.ts";
import { lengthBytes, type TextColumn } from "./text-column.ts";

const nothing: JsonObject = Object.freeze({});

/** Reads what is known of a message into a column. Messages that come together mostly have the same times, and so the same text. */
export class FactReading {
  readonly place: number;
  readonly #reader: ColumnReader;
  readonly #timeOf: ((incoming: Incoming) => number | null) | null;
  #lastMs: number | null = null;
  #lastText: DataView = new DataView(new ArrayBuffer(0));

  constructor(reader: ColumnReader, place: number) {
    const { from } = reader.column;
    this.place = place;
    this.#reader = reader;
    this.#timeOf =
      from === "$sent_at" ? ({ sentAtMs }) => sentAtMs : from === "$received_at" ? ({ receivedAtMs }) => receivedAtMs : null;
  }

  /** @returns false, with nothing appended, where the contract finds a fault */
  append(incoming: Incoming, column: TextColumn): boolean {
    const ms = this.#timeOf?.(incoming) ?? null;
    if (ms !== null && ms === this.#lastMs) {
      return copyRun(this.#lastText, 0, this.#lastText.byteLength, column, this.#lastText.byteLength);
    }
    const row = column.count;
    if (this.#reader.append(nothing, incoming, column) !== null) return false;
    this.#lastMs = ms;
    if (ms === null) return true;
    const text = Uint8Array.prototype.slice.call(column.bytes, (column.ends[row] as number) + lengthBytes, column.usedBytes);
    this.#lastText = new DataView(text.buffer, text.byteOffset, text.length);
    return true;
  }
}
