import type { OptionSchema } from "./schema.ts";

export type Rule =
  | "type"
  | "minimum"
  | "maximum"
  | "minLength"
  | "maxLength"
  | "pattern"
  | "enum"
  | "minItems"
  | "minProperties"
  | "required"
  | "additionalProperties";

/** One thing in a value that its schema does not allow. */
export interface Unmet {
  readonly rule: Rule;
  /** Of the value; of a member that is missing or unknown, where that member would be. */
  readonly path: readonly string[];
  readonly schema: OptionSchema;
  readonly value: unknown;
}

/**
 * Checks a value against its schema and fills in defaults (in place). All that is wrong is found, in the order of the schema.
 *
 * JSON Schema as far as options are declared in it (`OptionSchema`), read as it stands: a general validator writes and compiles a program
 * first, which took 90 ms of a start. A test compares the two.
 */
export function checkSchema(value: unknown, schema: OptionSchema): readonly Unmet[] {
  const unmet: Unmet[] = [];
  check(value, schema, [], unmet);
  return unmet;
}

function check(value: unknown, schema: OptionSchema, path: readonly string[], unmet: Unmet[]): void {
  const not = (rule: Rule, member?: string): void => {
    unmet.push({ rule, path: member === undefined ? path : [...path, member], schema, value });
  };
  const { type, enum: allowed } = schema;
  // of a value that is of the wrong type nothing else needs to be said
  if (type !== undefined && ![type].flat().some((one) => kinds[one]?.(value) === true)) return not("type");
  if (typeof value === "number") checkNumber(value, schema, not);
  if (typeof value === "string") checkText(value, schema, not);
  if (allowed !== undefined && !allowed.includes(value as string)) not("enum");
  if (Array.isArray(value)) checkList(value, schema, path, unmet, not);
  else if (isGroup(value)) checkGroup(value, schema, path, unmet, not);
}

type Not = (rule: Rule, member?: string) => void;

const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: (value) => isGroup(value),
};

function checkNumber(value: number, { minimum, maximum }: OptionSchema, not: Not): void {
  if (maximum !== undefined && value > maximum) not("maximum");
  if (minimum !== undefined && value < minimum) not("minimum");
}

/** Lengths count code points. */
function checkText(value: string, { minLength, maxLength, pattern }: OptionSchema, not: Not): void {
  if (maxLength !== undefined && Array.from(value).length > maxLength) not("maxLength");
  if (minLength !== undefined && Array.from(value).length < minLength) not("minLength");
  if (pattern !== undefined && !new RegExp(pattern, "u").test(value)) not("pattern");
}

function checkList(value: readonly unknown[], schema: OptionSchema, path: readonly string[], unmet: Unmet[], not: Not): void {
  const { items, minItems } = schema;
  if (minItems !== undefined && value.length < minItems) not("minItems");
  if (items === undefined) return;
  for (const [place, item] of value.entries()) check(item, items, [...path, String(place)], unmet);
}

function checkGroup(value: Record<string, unknown>, schema: OptionSchema, path: readonly string[], unmet: Unmet[], not: Not): void {
  const { properties = {}, additionalProperties = true, required = [], minProperties } = schema;
  const names = Object.keys(value);
  for (const [name, { default: given }] of Object.entries(properties)) {
    if (given !== undefined && memberOf(value, name) === undefined) value[name] = structuredClone(given);
  }
  if (minProperties !== undefined && names.length < minProperties) not("minProperties");
  for (const name of required) if (memberOf(value, name) === undefined) not("required", name);
  for (const name of names) {
    if (Object.hasOwn(properties, name)) continue;
    if (additionalProperties === false) not("additionalProperties", name);
    else if (additionalProperties !== true) check(memberOf(value, name), additionalProperties, [...path, name], unmet);
  }
  for (const [name, member] of Object.entries(properties)) {
    const held = memberOf(value, name);
    if (held !== undefined) check(held, member, [...path, name], unmet);
  }
}

function memberOf(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
