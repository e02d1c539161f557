import type { Column } from "./column.ts";
import type { Fault } from "./fault.ts";
import { compileJsonPath, type JsonPath, jsonPathProblem, replaceAt, valueAt } from "./json-path.ts";
import { columnReader } from "./readers.ts";
import { isBlank, type Reader } from "./reading.ts";

/** Reads what is masked inside a JSON text: the text with canonical values at its paths, or every fault (one a path at most). */
export type ContentsReader = (text: string) => string | readonly Fault[];

interface CompiledPath {
  readonly column: Column;
  readonly find: JsonPath;
  readonly read: Reader;
}

/** The reader of a column's inside, or what is wrong with its paths. */
export function compileContents({ from, paths = [] }: Column): ContentsReader | string {
  if (paths.length === 0) return (text) => text;
  const compiled: CompiledPath[] = [];
  for (const column of paths) {
    const problem = jsonPathProblem(column.name);
    if (problem !== null) return `paths: ${column.name} ${problem}`;
    compiled.push({ column, find: compileJsonPath(column.name), read: columnReader(column) });
  }
  return (text) => {
    // Read again from its text: other columns may have their values from the same part of the body.
    const root: unknown = JSON.parse(text);
    const faults = compiled.flatMap((path) => canonicalise(root, path, from) ?? []);
    return faults.length === 0 ? JSON.stringify(root) : faults;
  };
}

/** Puts the canonical text in place of each value a path leads to. Null stays, and so does a blank text: there is nothing to mask. */
function canonicalise(root: unknown, { column, find, read }: CompiledPath, from: string): Fault | null {
  const { places, absent, misfit } = find(root);
  if (misfit !== null) {
    const { path, expected, found } = misfit;
    return { reason: "wrong_type", path: path === "" ? from : `${from}.${path}`, expected, found };
  }
  const missing = (found: string): Fault => ({ reason: "missing", path: column.from, expected: "a value", found });
  if (column.required && (absent || places.length === 0)) return missing("absent");
  for (const place of places) {
    const value = valueAt(place);
    if (value === null || isBlank(value)) {
      if (column.required) return missing(value === null ? "null" : "empty text");
      continue;
    }
    const text = read(value);
    if (typeof text !== "string") return { reason: text.reason, path: column.from, expected: text.expected, found: text.found };
    replaceAt(place, text);
  }
  return null;
}
