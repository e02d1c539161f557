import type { OptionSchema } from "./schema.ts";

type Path = readonly string[];

/**
 * Puts the group in the place of a text that stands for one of its members (in place): `keyring: TEXT` becomes `keyring: { from: TEXT }`.
 * Answers with where an option of the file stands then.
 */
export function expandShorthands(value: Record<string, unknown>, schema: OptionSchema): (path: Path) => Path {
  const moved = new Map<string, string>();
  for (const [name, { shorthand }] of Object.entries(schema.properties ?? {})) {
    if (shorthand === undefined || typeof value[name] !== "string") continue;
    value[name] = { [shorthand]: value[name] };
    moved.set(name, shorthand);
  }
  return (path) => {
    const [name = ""] = path;
    const member = path.length === 1 ? moved.get(name) : undefined;
    return member === undefined ? path : [name, member];
  };
}
