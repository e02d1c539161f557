import type { Fault } from "./fault.ts";
import { jsonTypeName } from "./json-value.ts";

/** What is wrong with one value: a fault that does not know its place yet. Names types and sizes, never the value. */
export type Problem = Omit<Fault, "path">;

/** Turns a JSON value (never null) into its one canonical text, in the form Postgres reads. Pure, and never throws. */
export type Reader = (value: unknown) => string | Problem;

/** The field holds another JSON type than its column reads. */
export function wrongType(expected: string, value: unknown): Problem {
  return { reason: "wrong_type", expected, found: jsonTypeName(value) };
}

/** The JSON type is right, the form is not. */
export function badFormat(expected: string, found: string): Problem {
  return { reason: "bad_format", expected, found };
}

/** The form is right, the number is not one the column can hold. */
export function outOfRange(expected: string, found: string): Problem {
  return { reason: "out_of_range", expected, found };
}

/** A text without anything but white space: in a masked field a missing value, which would become a token shared by all who have none. */
export function isBlank(value: unknown): boolean {
  return typeof value === "string" && value.trim() === "";
}
