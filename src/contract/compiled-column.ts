import type { Column } from "./column.ts";
import { compileContents, type ContentsReader } from "./json-contents.ts";
import { columnOrigin, type Origin } from "./origin.ts";
import { columnReader } from "./readers.ts";
import type { Reader } from "./reading.ts";

/** A column made ready to be read from many messages. */
export interface CompiledColumn {
  /** What its faults are reported under. */
  readonly path: string;
  readonly find: Origin["find"];
  readonly read: Reader;
  /** What is masked inside the value, read by the types of its paths. */
  readonly readContents: ContentsReader;
  /** Stands in for a value that is not there, read through the column's type already; null for SQL NULL. */
  readonly fallback: string | null;
  /** The paths of what is missing where there is no value: the column's own, or of what it must hold. None where there may be none. */
  readonly missingPaths: readonly string[];
  /** In a masked column a blank text is a missing one: as a value it would become a token shared by all who have none. */
  readonly blankIsMissing: boolean;
}

/** A column ready for use, or what is wrong with how it is written. */
export function compileColumn(column: Column): CompiledColumn | string {
  const origin = columnOrigin(column);
  if (typeof origin === "string") return origin;
  const readContents = compileContents(column);
  if (typeof readContents === "string") return readContents;
  const fallback = readFallback(column, readContents);
  if (typeof fallback === "object" && fallback !== null) return fallback.problem;
  return {
    path: column.from,
    find: origin.find,
    read: origin.read,
    readContents,
    fallback,
    missingPaths: column.required || origin.always ? [column.from] : requiredInside(column),
    blankIsMissing: column.masked !== "no",
  };
}

function requiredInside({ paths = [] }: Column): readonly string[] {
  return paths.filter(({ required }) => required).map(({ from }) => from);
}

/** What the configuration writes is what an event would carry, also where the column's values come from elsewhere. */
function readFallback(column: Column, readContents: ContentsReader): string | null | { readonly problem: string } {
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
  if (typeof text !== "string") return { problem: `default: does not fit the column; needed: ${text.expected}` };
  const contents = readContents(text);
  return typeof contents === "string" ? contents : { problem: "default: does not fit what paths says of the column" };
}
