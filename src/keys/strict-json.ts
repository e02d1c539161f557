import { countCharacters } from "../contract/text.ts";
import { MasklineError } from "../errors.ts";

export type JsonMembers = Readonly<Record<string, unknown>>;

/**
 * JSON that must have one form exactly. Whatever differs is refused as `keyring_malformed`, with the place, what was expected
 * and what type was found; never with the content, which may be a key in the wrong place.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw malformed("the file", "JSON", "something else");
  }
}

/** Format and version, before all else: a file of another kind should be told so, not which member it lacks. */
export function readFormat(file: unknown, format: string, version: number): void {
  const head: { readonly format?: unknown; readonly version?: unknown } = typeof file === "object" && file !== null ? file : {};
  readConstant(head.format, "format", format);
  if (typeof head.version === "number" && head.version > version) {
    throw malformed("version", String(version), "that of a newer maskline");
  }
  readConstant(head.version, "version", version);
}

/** An object with these members and no others. */
export function readMembers(value: unknown, place: string, names: readonly string[]): JsonMembers {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(place, "an object", describe(value));
  const members = value as JsonMembers;
  const missing = names.find((name) => !Object.hasOwn(members, name));
  if (missing !== undefined) throw malformed(`${place}.${missing}`, "there", "nothing");
  if (Object.keys(members).length > names.length) throw malformed(place, `only ${names.join(", ")}`, "further members");
  return members;
}

export function readList(value: unknown, place: string, least: number = 1): readonly unknown[] {
  if (!Array.isArray(value) || value.length < least) throw malformed(place, `a list of at least ${least}`, describe(value));
  return value;
}

export function readConstant(value: unknown, place: string, expected: string | number): void {
  if (value !== expected) throw malformed(place, JSON.stringify(expected), describe(value));
}

export function readOneOf<T extends string>(value: unknown, place: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw malformed(place, `one of ${allowed.join(", ")}`, describe(value));
  return found;
}

/** A name of one to `longest` characters (code points). */
export function readName(value: unknown, place: string, longest: number): string {
  if (typeof value !== "string") throw malformed(place, "a text", describe(value));
  const length = countCharacters(value);
  if (length < 1 || length > longest) throw malformed(place, `a text of 1 to ${longest} characters`, describe(value));
  return value;
}

/** A key id: 32 bits, not zero. */
export function readKeyId(value: unknown, place: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 0xffff_ffff) {
    throw malformed(place, "a whole number from 1 to 4294967295", typeof value === "number" ? "another number" : describe(value));
  }
  return value;
}

/** Bytes in base64 with padding (RFC 4648 section 4), in their one right spelling. */
export function readBase64(value: unknown, place: string, lengthBytes: number): Buffer {
  if (typeof value !== "string") throw malformed(place, "a base64 text", describe(value));
  const bytes = Buffer.from(value, "base64");
  if (bytes.toString("base64") !== value) throw malformed(place, "base64 with padding", "another text");
  if (bytes.length !== lengthBytes) throw malformed(place, `${lengthBytes} bytes`, `${bytes.length} bytes`);
  return bytes;
}

/** `place` is a path of ours, `found` a type or a count. */
export function malformed(place: string, expected: string, found: string): MasklineError {
  return new MasklineError("keyring_malformed", `key ring: ${place} should be ${expected}, found ${found}`, {
    next: "use the key ring as `maskline keys create` wrote it, or a backup of it",
  });
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? `a text of ${value.length} characters` : `a ${typeof value}`;
}
