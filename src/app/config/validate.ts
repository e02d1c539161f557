import { Ajv, type ErrorObject } from "ajv";

import type { ConfigFault } from "./fault.ts";
import { configurationSchema, type Options, type OptionSchema } from "./schema.ts";
import { suggest } from "./suggest.ts";

/** Checks a configuration against its schema and fills in defaults (in place). All faults are found, not only the first. */
export function validateOptions(value: unknown): { readonly options: Options; readonly faults: readonly ConfigFault[] } {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, allowUnionTypes: true, strictRequired: false });
  ajv.addVocabulary(["secret"]);
  const validate = ajv.compile<Options>(configurationSchema);
  validate(value);
  return { options: value as Options, faults: (validate.errors ?? []).map(fault) };
}

/** Says what was found and what is allowed, from ajv's account of one failed check. */
function fault(error: ErrorObject): ConfigFault {
  const schema = error.parentSchema as OptionSchema;
  const path = error.instancePath.split("/").slice(1).map(decodePointer);
  const found = schema.secret ? "the value given" : show(error.data);
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
      return { path: [...path, name], message: `is missing: ${schema.properties?.[name]?.description ?? "required"}` };
    }
    case "enum": {
      const allowed = schema.enum ?? [];
      const near = typeof error.data === "string" ? suggest(error.data, allowed) : null;
      return { path, message: `found ${found}; allowed: ${allowed.join(", ")}${near === null ? "" : ` (did you mean ${near}?)`}` };
    }
    case "type":
      return { path, message: `found ${found}; allowed: ${kinds(schema.type)}` };
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

function decodePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
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

/** What stands in the file, short. */
function show(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group of options";
  return typeof value === "string" ? `"${value.length > 60 ? `${value.slice(0, 57)}...` : value}"` : String(value);
}
