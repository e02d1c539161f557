import { Ajv, type ErrorObject } from "ajv";

import type { ConfigFault } from "./fault.ts";
import { configurationSchema, type Options, type OptionSchema } from "./schema.ts";
import { suggest } from "./suggest.ts";

export interface Validated {
  readonly options: Options;
  readonly faults: readonly ConfigFault[];
  /** Columns that have a fault which leaves them without a meaning; an unknown option does not. */
  readonly unreadable: ReadonlySet<string>;
}

/**
 * Checks a configuration against its schema and fills in defaults (in place). All faults are found, not only the first.
 * @param hidden whether what an option holds must not be shown
 */
export function validateOptions(value: unknown, hidden: (path: readonly string[]) => boolean): Validated {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, allowUnionTypes: true, strictRequired: false });
  ajv.addVocabulary(["secret"]);
  const validate = ajv.compile<Options>(configurationSchema);
  validate(value);
  const errors = validate.errors ?? [];
  // of a value that is of the wrong type nothing else needs to be said
  const mistyped = new Set(errors.flatMap(({ keyword, instancePath }) => (keyword === "type" ? [instancePath] : [])));
  const told = errors.filter(({ keyword, instancePath }) => keyword === "type" || !mistyped.has(instancePath));
  const unreadable = errors.flatMap(({ keyword, instancePath, parentSchema }) => {
    const [group, name] = pathOf(instancePath);
    // a secret is no part of a column's meaning: one that is not set yet must not hide the column from an offline check
    const harmless = keyword === "additionalProperties" || (parentSchema as OptionSchema).secret === true;
    return group === "columns" && name !== undefined && !harmless ? [name] : [];
  });
  return { options: value as Options, faults: told.map((error) => fault(error, hidden)), unreadable: new Set(unreadable) };
}

/** Says what was found and what is allowed, from ajv's account of one failed check. */
function fault(error: ErrorObject, hidden: (path: readonly string[]) => boolean): ConfigFault {
  const schema = error.parentSchema as OptionSchema;
  const path = pathOf(error.instancePath);
  // a text where a group belongs may be the whole URL with its password
  const found = schema.secret || hidden(path) ? "the value given" : show(error.data, schema.properties === undefined);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "additionalProperties": {
      const known = Object.keys(schema.properties ?? {});
      const name = String(params["additionalProperty"]);
      const near = suggest(name, known);
      return {
        path: [...path, name],
        message: `unknown option${near === null ? `; allowed: ${known.join(", ")}` : `; did you mean ${near}?`}`,
      };
    }
    case "required": {
      const name = String(params["missingProperty"]);
      const { description, enum: allowed } = schema.properties?.[name] ?? {};
      return {
        path: [...path, name],
        message: allowed === undefined ? `is missing: ${description ?? "required"}` : `is missing; allowed: ${allowed.join(", ")}`,
      };
    }
    case "enum": {
      const allowed = schema.enum ?? [];
      const near = typeof error.data === "string" ? suggest(error.data, allowed) : null;
      return { path, message: `found ${found}; allowed: ${allowed.join(", ")}${near === null ? "" : ` (did you mean ${near}?)`}` };
    }
    case "type":
      if (error.data === null && schema.enum?.includes("null"))
        return { path, message: 'is empty in YAML: write "null" in quotes' };
      return { path, message: `found ${found}; allowed: ${schema.enum?.join(", ") ?? kinds(schema.type)}` };
    case "minimum":
    case "maximum":
      return { path, message: `found ${found}; allowed: ${range(schema)}` };
    case "minLength":
    case "minProperties":
      return { path, message: `is empty: ${schema.description ?? "a value is needed"}` };
    case "maxLength":
      return { path, message: `is too long; allowed: ${String(schema.maxLength)} characters` };
    default:
      return { path, message: `found ${found}; needed: ${schema.description ?? error.message ?? error.keyword}` };
  }
}

/** The parts of a JSON pointer (RFC 6901). */
function pathOf(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function kinds(type: OptionSchema["type"]): string {
  const words: Readonly<Record<string, string>> = {
    object: "a group of options",
    array: "a list",
    integer: "a whole number",
    string: "a text",
  };
  return [type ?? []]
    .flat()
    .map((kind) => words[kind] ?? kind)
    .join(" or ");
}

function range({ minimum, maximum }: OptionSchema): string {
  if (maximum === undefined) return `${minimum} or more`;
  return minimum === undefined ? `${maximum} or less` : `${minimum} to ${maximum}`;
}

/** What stands in the file, short, and without the user and password of a URL. */
function show(value: unknown, withText: boolean): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return "a group of options";
  if (!withText) return "a text";
  const safe = value.replaceAll(/\/\/.*@/g, "//...@");
  return `"${safe.length > 60 ? `${safe.slice(0, 57)}...` : safe}"`;
}
