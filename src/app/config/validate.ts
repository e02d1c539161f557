import type { ConfigFault } from "./fault.ts";
import { checkSchema, type Unmet } from "./schema-check.ts";
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
  const unmet = checkSchema(value, configurationSchema);
  const unreadable = unmet.flatMap(({ rule, path: [group, name], schema }) => {
    // a secret is no part of a column's meaning: one that is not set yet must not hide the column from an offline check
    const harmless = rule === "additionalProperties" || schema.secret === true;
    return group === "columns" && name !== undefined && !harmless ? [name] : [];
  });
  return { options: value as Options, faults: unmet.map((one) => fault(one, hidden)), unreadable: new Set(unreadable) };
}

/** Says what was found and what is allowed. */
function fault({ rule, path, schema, value }: Unmet, hidden: (path: readonly string[]) => boolean): ConfigFault {
  // a text where a group belongs may be the whole URL with its password
  const found = schema.secret || hidden(path) ? "the value given" : show(value, schema.properties === undefined);
  const name = path.at(-1) ?? "";
  switch (rule) {
    case "additionalProperties": {
      const known = Object.keys(schema.properties ?? {});
      const near = suggest(name, known);
      return { path, message: `unknown option${near === null ? `; allowed: ${known.join(", ")}` : `; did you mean ${near}?`}` };
    }
    case "required": {
      const { description, enum: allowed } = schema.properties?.[name] ?? {};
      return {
        path,
        message: allowed === undefined ? `is missing: ${description ?? "required"}` : `is missing; allowed: ${allowed.join(", ")}`,
      };
    }
    case "enum": {
      const allowed = schema.enum ?? [];
      const near = typeof value === "string" ? suggest(value, allowed) : null;
      return { path, message: `found ${found}; allowed: ${allowed.join(", ")}${near === null ? "" : ` (did you mean ${near}?)`}` };
    }
    case "type":
      if (value === null && schema.enum?.includes("null")) return { path, message: 'is empty in YAML: write "null" in quotes' };
      return { path, message: `found ${found}; allowed: ${schema.enum?.join(", ") ?? kinds(schema.type)}` };
    case "minimum":
    case "maximum":
      return { path, message: `found ${found}; allowed: ${range(schema)}` };
    case "minLength":
    case "minProperties":
      return { path, message: `is empty: ${schema.description ?? "a value is needed"}` };
    case "maxLength":
      return { path, message: `is too long; allowed: ${String(schema.maxLength)} characters` };
    case "pattern":
    case "minItems":
      return { path, message: `found ${found}; needed: ${schema.description ?? rule}` };
  }
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
