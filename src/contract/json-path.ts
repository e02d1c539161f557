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
  const names = left.split(".");
  const others = right.split(".");
  const oneInOther = names.every((name, depth) => {
    const other = others[depth];
    return other === undefined || name === every || other === every || name === other;
  });
  return oneInOther || meetAtDottedName(names, others);
}

/**
 * Whether two paths can lead to one place where names hold dots, so that a `*` stands for one or more parts of the other path. That one
 * of them leads inside the other's place is no matter here: a place that is no single value is a fault, or masked as a whole.
 */
function meetAtDottedName(names: readonly string[], others: readonly string[]): boolean {
  // For each count of the other's parts, whether it can be read as the parts of `names` so far.
  let meets = [true, ...others.map(() => false)];
  for (const name of names) {
    const next = [false];
    for (const [index, other] of others.entries()) {
      const both = (meets[index] ?? false) && (name === other || name === every || other === every);
      next.push(both || (name === every && (next[index] ?? false)) || (other === every && (meets[index + 1] ?? false)));
    }
    meets = next;
  }
  return meets.at(-1) ?? false;
}

/**
 * Compiles a dotted path, with `*` for every element of a list or member of an object. Unlike a path into the body it follows every
 * reading of its dots and of those in names: a member named `client.ip` and the member `ip` of `client` are both found, as are
 * `devices.x.id` and the member `id` of `devices.x` by `devices.*.id`, so that none stays unmasked.
 */
export function compileJsonPath(path: string): JsonPath {
  const names = path.split(".");
  const isEvery = names.map((name) => name === every);
  /** For each depth from which the path has no `*`, the names a member can have; otherwise null. */
  const wholeNames = names.map((_, depth) => (isEvery.includes(true, depth) ? null : namesFrom(names.slice(depth))));

  /** How deep a member's name leads into the path, from each of some depths: more than one way where `*` and dots meet. */
  const readName = (key: string, depths: readonly number[]): readonly number[] => {
    if (!key.includes(".")) return advance(key, depths);
    const parts = key.split(".");
    let reached = advance(parts[0] as string, depths);
    for (let index = 1; index < parts.length && reached.length > 0; index += 1) {
      const longer = reached.filter((depth) => isEvery[depth - 1]);
      reached = [...new Set([...longer, ...advance(parts[index] as string, reached)])];
    }
    return reached;
  };
  const advance = (part: string, depths: readonly number[]): number[] =>
    depths.flatMap((depth) => (isEvery[depth] || names[depth] === part ? depth + 1 : []));

  return (root) => {
    const places: JsonPlace[] = [];
    let absent = false;
    let misfit: JsonPlaces["misfit"] = null;

    const misfitAt = (depth: number, value: unknown): void => {
      const expected = isEvery[depth] ? "a list or an object" : "an object";
      misfit ??= { path: names.slice(0, depth).join("."), expected, found: jsonTypeName(value) };
    };
    const step = (holder: JsonPlace["holder"], key: string, reached: readonly number[]): void => {
      const inner = (holder as JsonObject)[key];
      const inside = reached.filter((depth) => depth < names.length);
      const holdsMore = Array.isArray(inner) || isJsonObject(inner);
      // By one reading all that this value holds is led to: then the reading that ends here is not meant.
      const isLedInto = holdsMore && isEvery.at(-1) === true && inside.includes(names.length - 1);
      const endsHere = inside.length < reached.length && !isLedInto;
      if (endsHere) places.push({ holder, key });
      if (inside.length === 0 || (endsHere && !holdsMore)) return;
      if (inner === null) absent = true;
      else walk(inner, inside);
    };
    /** All readings go through a value together, so that each value is visited once. */
    const walk = (value: unknown, depths: readonly number[]): void => {
      if (Array.isArray(value)) {
        const named = depths.find((depth) => !isEvery[depth]);
        if (named !== undefined) return misfitAt(named, value);
        const inner = depths.map((depth) => depth + 1);
        for (const key of Object.keys(value)) step(value, key, inner);
        return;
      }
      if (!isJsonObject(value)) return misfitAt(depths[0] as number, value);
      let found = depths.some((depth) => isEvery[depth]);
      const [depth] = depths as [number];
      // One reading, as nearly always: its names are looked up, or most members told by how they begin.
      const isOnly = depths.length === 1 && !found;
      const start = isOnly ? (names[depth] as string) : "";
      for (const key of (isOnly ? wholeNames[depth] : null) ?? Object.keys(value)) {
        if (!key.startsWith(start) || !Object.hasOwn(value, key)) continue;
        const reached = readName(key, depths);
        if (reached.length === 0) continue;
        found = true;
        step(value, key, reached);
      }
      if (!found) absent = true;
    };

    walk(root, [0]);
    return { places, absent, misfit };
  };
}

/** The names that members have who stand for so many of these names in a row, from the first. */
function namesFrom(names: readonly string[]): readonly string[] {
  return names.map((_, index) => names.slice(0, index + 1).join("."));
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
