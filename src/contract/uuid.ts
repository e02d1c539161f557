import { badFormat, type Problem, wrongType } from "./reading.ts";

const dashed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const undashed = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i;
const wrapped = /^(?:\{(.{32,36})\}|urn:uuid:(.{32,36}))$/i;

/** A UUID of any version in the usual spellings (also {braced}, urn:uuid: and without dashes), as lower case with dashes. */
export function readUuid(value: unknown): string | Problem {
  if (typeof value !== "string") return wrongType("a UUID", value);
  const text = value.trim();
  if (dashed.test(text)) return text.toLowerCase();
  const [, braced, named] = wrapped.exec(text) ?? [];
  const bare = braced ?? named ?? text;
  if (!dashed.test(bare) && !undashed.test(bare)) return badFormat("a UUID", "text");
  return bare.toLowerCase().replace(undashed, "$1-$2-$3-$4-$5");
}
