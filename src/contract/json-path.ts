import { isJsonObject, type JsonObject, jsonTypeName } from "./json-value.ts";

/** A value inside a JSON value, where it can be replaced. */
export interface JsonPlace {
  readonly holder: JsonObject | readonly unknown[];
  readonly key: string;
}

/** What a path leads to in one JSON value. */
export interface JsonPlaces {
  readonly places: readonly JsonPlace[];
  /** Somewhere the path goes on and the value does not: a member is not there, or null. */
  readonly absent: boolean;
  /** What stands where the path needs an object or a list: what lies below it cannot be told from what must be masked. */
  readonly misfit: { readonly path: string; readonly expected: string; readonly found: string } | null;
}

export type JsonPath = (root: unknown) => JsonPlaces;

const every = "*";

/** What is wrong with a path inside a JSON value, or null. */
export function jsonPathProblem(path: string): string | null {
  const names = path.split(".");
  if (names.includes("")) return "is not a path: it has an empty part; write names with single dots between them";
  if (names.some((name) => name !== every && name.includes(every))) return "is not a path: * stands for a whole name";
  return null;
}

/** Whether two paths can lead to one place, or one to what is inside the other's: then it would not be clear whose mask counts. */
export function jsonPathsMeet(left: string, right: string): boolean {
  const others = right.split(".");
  return left.split(".").every((name, depth) => {
    const other = others[depth];
    return other === undefined || name === every || other === every || name === other;
  });
}

/**
 * Compiles a dotted path, with `*` for every element of a list or member of an object. Unlike a path into the body it follows every
 * reading of its dots: a member named `client.ip` and the member `ip` of `client` are both found, so that neither stays unmasked.
 */
export function compileJsonPath(path: string): JsonPath {
  const names = path.split(".");
  return (root) => {
    const places: JsonPlace[] = [];
    let absent = false;
    let misfit: JsonPlaces["misfit"] = null;

    const misfitAt = (depth: number, expected: string, value: unknown): void => {
      misfit ??= { path: names.slice(0, depth).join("."), expected, found: jsonTypeName(value) };
    };
    const step = (holder: JsonPlace["holder"], key: string, depth: number): void => {
      if (depth === names.length) return void places.push({ holder, key });
      const inner = (holder as JsonObject)[key];
      if (inner === null) absent = true;
      else walk(inner, depth);
    };
    const walk = (value: unknown, depth: number): void => {
      if (names[depth] === every) {
        if (!Array.isArray(value) && !isJsonObject(value)) return misfitAt(depth, "a list or an object", value);
        for (const key of Object.keys(value)) step(value, key, depth + 1);
        return;
      }
      if (!isJsonObject(value)) return misfitAt(depth, "an object", value);
      let key = names[depth] as string;
      let found = false;
      for (let end = depth + 1; ; end += 1) {
        if (Object.hasOwn(value, key)) {
          found = true;
          step(value, key, end);
        }
        if (end === names.length || names[end] === every) break;
        key = `${key}.${names[end] as string}`;
      }
      if (!found) absent = true;
    };

    walk(root, 0);
    return { places, absent, misfit };
  };
}

export function valueAt({ holder, key }: JsonPlace): unknown {
  return (holder as JsonObject)[key];
}

/** Replaces a value in place. */
export function replaceAt({ holder, key }: JsonPlace, value: unknown): void {
  // An assignment would set the prototype instead of the member.
  if (key === "__proto__") Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
  else (holder as Record<string, unknown>)[key] = value;
}
