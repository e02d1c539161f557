import type { Column } from "./column.ts";
import type { CompiledColumn } from "./compiled-column.ts";
import type { Fault } from "./fault.ts";
import type { Incoming } from "./incoming.ts";
import type { JsonObject } from "./json-value.ts";
import { type QuickForm, quickForm } from "./quick-forms.ts";
import { isBlank } from "./reading.ts";
import type { TextColumn } from "./text-column.ts";

/** Whether a text needs no check because it is a token of its column's mask already. */
export type PassesAsIs = (text: string) => boolean;

/** Reads one column's value out of message after message. */
export class ColumnReader {
  readonly column: Column;
  /** Some texts pass it as they are. */
  readonly hasExceptions: boolean;
  readonly #compiled: CompiledColumn;
  readonly #passes: PassesAsIs | null;
  readonly #quick: QuickForm | null;
  readonly #max: number;
  /** The field of the body that it reads; null for what lies deeper, or is not in the body. */
  readonly #field: string | null;

  constructor(column: Column, compiled: CompiledColumn, passes: PassesAsIs | null) {
    this.column = column;
    this.hasExceptions = passes !== null;
    this.#compiled = compiled;
    this.#passes = passes;
    this.#quick = passes === null ? quickForm(column) : null;
    this.#max = column.max ?? Number.MAX_SAFE_INTEGER;
    this.#field = column.from.startsWith("$") || column.from.includes(".") ? null : column.from;
  }

  /** Appends the value of a message. @returns null, or all that is wrong with it: then nothing was appended */
  append(body: JsonObject, incoming: Incoming, column: TextColumn): readonly Fault[] | null {
    return this.appendValue(this.#find(body, incoming), column);
  }

  /** The same of a value that stands for itself; undefined where a message has none. */
  appendValue(value: unknown, column: TextColumn): readonly Fault[] | null {
    return this.#quick?.(value, column, this.#max) === true ? null : this.#appendAny(value, column);
  }

  #find(body: JsonObject, incoming: Incoming): unknown {
    const field = this.#field;
    if (field === null) return this.#compiled.find(body, incoming);
    return Object.hasOwn(body, field) ? body[field] : undefined;
  }

  #appendAny(value: unknown, column: TextColumn): readonly Fault[] | null {
    const { path, fallback, missingPaths, read, readContents } = this.#compiled;
    const missing = this.#whyMissing(value);
    if (missing !== null) {
      if (fallback === null && missingPaths.length > 0) {
        return missingPaths.map((each): Fault => ({ reason: "missing", path: each, expected: "a value", found: missing }));
      }
      column.add(fallback);
      return null;
    }
    const text = typeof value === "string" && this.#passes?.(value) === true ? value : read(value);
    if (typeof text !== "string") return [{ reason: text.reason, path, expected: text.expected, found: text.found }];
    const contents = readContents(text);
    if (typeof contents !== "string") return contents;
    column.add(contents);
    return null;
  }

  #whyMissing(value: unknown): string | null {
    if (value === undefined) return "absent";
    if (value === null) return "null";
    return this.#compiled.blankIsMissing && isBlank(value) ? "empty text" : null;
  }
}
