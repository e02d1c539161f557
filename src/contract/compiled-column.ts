import type { Column } from "./column.ts";
import { columnOrigin, type Origin } from "./origin.ts";
import { columnReader } from "./readers.ts";
import type { Reader } from "./reading.ts";

/** A column made ready to be read from many messages. */
export interface CompiledColumn {
  /** What its faults are reported under. */
  readonly path: string;
  readonly find: Origin["find"];
  readonly read: Reader;
  /** Stands in for a value that is not there, read through the column's type already; null for SQL NULL. */
  readonly fallback: string | null;
  readonly mustBePresent: boolean;
  /** In a masked column a blank text is a missing one: as a value it would become a token shared by all who have none. */
  readonly blankIsMissing: boolean;
}

/** A column ready for use, or what is wrong with how it is written. */
export function compileColumn(column: Column): CompiledColumn | string {
  const origin = columnOrigin(column);
  if (typeof origin === "string") return origin;
  const fallback = readFallback(column);
  if (typeof fallback === "object" && fallback !== null) return fallback.problem;
  return {
    path: column.from,
    find: origin.find,
    read: origin.read,
    fallback,
    mustBePresent: column.required || origin.always,
    blankIsMissing: column.masked !== "no",
  };
}

/** What the configuration writes is what an event would carry, also where the column's values come from elsewhere. */
function readFallback(column: Column): string | null | { readonly problem: string } {
  const { fallback, masked, type } = column;
  if (fallback === null) return null;
  if (masked !== "no") return { problem: "default: is not for masked columns" };
  let value: unknown = fallback;
  if (type === "boolean" || type === "json") {
    // These types read no text that stands for a value: written as the event carries it, it is JSON.
    try {
      value = JSON.parse(fallback);
    } catch {
      return { problem: `default: is not JSON, as type ${type} needs` };
    }
    if (value === null) return null;
  }
  const text = columnReader(column)(value);
  return typeof text === "string" ? text : { problem: `default: does not fit the column; needed: ${text.expected}` };
}
