import { openBody } from "./body.ts";
import type { Contract } from "./column.ts";
import type { Incoming } from "./incoming.ts";
import { isJsonObject, type JsonObject } from "./json-value.ts";

/** A field that is in messages and that nothing reads. */
export interface UnknownField {
  /** Where it stands, dotted. It comes from outside and can be personal; it is safe to print: escaped, and of bounded length. */
  readonly path: string;
  readonly messages: number;
}

export interface UnknownFields {
  /** Those that most messages have come first; at most `mostNames`. */
  readonly fields: readonly UnknownField[];
  /** There are more names than are counted: keys that are data ("jane@example.org": 1) can be without end. */
  readonly more: boolean;
}

/** Names that are told apart. */
const mostNames = 200;
const longestPath = 100;

/**
 * Counts the fields that no column reads. Of an object that nothing reads only its own name is told, not what is inside; of one that
 * columns look into, the members they leave out.
 * @param identity what makes two deliveries the same message: a path into the body is read too
 */
export function findUnknownFields(contract: Contract, identity: string, messages: Iterable<Incoming>): UnknownFields {
  const paths = [...contract.columns.map(({ from }) => from), identity].filter((path) => !path.startsWith("$"));
  const keys = [...new Set(paths)].map((path) => path.split("."));
  const counts = new Map<string, number>();
  let more = false;
  for (const message of messages) {
    const body = openBody(message.body, contract);
    if ("fault" in body) continue;
    const found = new Set<string>();
    collect(body.object, "", keys, (path) => {
      // a name that was told before is counted on, a new one only while there is room
      if (counts.has(path) || counts.size + found.size < mostNames) found.add(path);
      else more = true;
    });
    for (const path of found) counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  const fields = [...counts].map(([path, count]): UnknownField => ({ path, messages: count }));
  return { fields: fields.toSorted((left, right) => right.messages - left.messages), more };
}

/** @param wanted the paths that are read from this object on, as the names that are left of them */
function collect(object: JsonObject, place: string, wanted: readonly (readonly string[])[], tell: (path: string) => void): void {
  const read = new Set<string>();
  const lookedInto = new Map<string, (readonly string[])[]>();
  for (const names of wanted) {
    // as path.ts: a key that holds the dots itself wins over nesting
    const whole = names.join(".");
    const [first = "", ...rest] = names;
    if (rest.length === 0 || Object.hasOwn(object, whole)) read.add(whole);
    else lookedInto.set(first, [...(lookedInto.get(first) ?? []), rest]);
  }
  for (const [key, value] of Object.entries(object)) {
    if (read.has(key)) continue;
    const inside = lookedInto.get(key);
    if (inside === undefined) tell(printable(place, key));
    else if (isJsonObject(value)) collect(value, `${place}${printable("", key)}.`, inside, tell);
  }
}

/** Only what is in view: a name could otherwise draw on a terminal, or be taken for several. */
function printable(place: string, key: string): string {
  const shown = /^[\p{L}\p{N}\p{M}_$@-]+$/u.test(key) ? key : quoted(key.slice(0, longestPath));
  const path = place + shown;
  return path.length <= longestPath ? path : `${path.slice(0, longestPath - 3)}...`;
}

function quoted(key: string): string {
  const inView = JSON.stringify(key).replaceAll(/[^\p{L}\p{N}\p{M}\p{P}\p{S} ]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return inView;
}
