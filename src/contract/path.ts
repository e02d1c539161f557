import { isJsonObject, type JsonObject } from "./json-value.ts";

/** Finds a field in a body; undefined where it is absent. */
export type Path = (body: JsonObject) => unknown;

/** What is wrong with a path into the body, or null. */
export function pathProblem(path: string): string | null {
  return path.split(".").includes("") ? "is not a path: it has an empty part; write names with single dots between them" : null;
}

/**
 * Compiles a dotted path. A key that holds the dots itself ("a.b") wins over nesting, at every level. Own properties of objects
 * only: nothing is inherited, and lists are not looked into.
 */
export function compilePath(path: string): Path {
  const keys = path.split(".");
  if (keys.length === 1) return (body) => ownProperty(body, path);
  const remaining = keys.map((_, depth) => keys.slice(depth).join("."));
  return (body) => {
    let level = body;
    for (let depth = 0; depth < keys.length; depth += 1) {
      const rest = remaining[depth] as string;
      if (Object.hasOwn(level, rest)) return level[rest];
      const next = ownProperty(level, keys[depth] as string);
      if (!isJsonObject(next)) return undefined;
      level = next;
    }
    return undefined;
  };
}

function ownProperty(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
