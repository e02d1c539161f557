import type { ConfigFault } from "./fault.ts";
import { configurationSchema, type OptionSchema } from "./schema.ts";
import { suggest } from "./suggest.ts";

const prefix = "MASKLINE_";

/** One option that holds a single value, and the ways to set it from outside the file. */
export interface ScalarOption {
  readonly path: readonly string[];
  /** As it is written: the path's parts with dots between; also the group's own name for the member it can stand for. */
  readonly name: string;
  readonly schema: OptionSchema;
  /** MASKLINE_SOURCE_SQS_QUEUE for source.sqs.queue */
  readonly variable: string;
}

/** Every option with one value, in the order of the schema; columns have names of the user's own and are set in the file only. */
export function scalarOptions(schema: OptionSchema = configurationSchema, path: readonly string[] = []): readonly ScalarOption[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, option]): readonly ScalarOption[] => {
    const here = [...path, name];
    const named = { name: here.join("."), variable: prefix + here.join("_").toUpperCase() };
    if (option.properties) {
      const { shorthand } = option;
      const member = shorthand === undefined ? undefined : option.properties[shorthand];
      const whole =
        shorthand === undefined || member === undefined ? [] : [{ ...named, path: [...here, shorthand], schema: member }];
      return [...whole, ...scalarOptions(option, here)];
    }
    if (option.additionalProperties || option.type === "array") return [];
    return [{ ...named, path: here, schema: option }];
  });
}

/** What stands over the file. */
export interface Overrides {
  readonly faults: readonly ConfigFault[];
  /** Where an option that does not come from the file was set: its variable, or `--set option`. */
  originOf(path: readonly string[]): string | null;
}

/** Puts environment variables, then `--set path=value` flags, over the file's values (in place). */
export function applyOverrides(
  value: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): Overrides {
  const options = scalarOptions();
  const faults: ConfigFault[] = [];
  const origins = new Map<string, string>();
  const put = (option: ScalarOption, text: string, origin: string): void => {
    if (set(value, option, text)) origins.set(option.path.join("."), origin);
  };
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || text === undefined) continue;
    const option = options.find((candidate) => candidate.variable === variable);
    if (option) put(option, text, variable);
    else {
      const near = suggest(
        variable,
        options.map((candidate) => candidate.variable),
      );
      faults.push({
        path: [variable],
        message: `is in the environment and no option of maskline${near === null ? "" : `; did you mean ${near}?`}`,
      });
    }
  }
  for (const flag of flags) {
    const [name = "", ...rest] = flag.split("=");
    const option = options.find((candidate) => candidate.name === name);
    // what is no name may be a value in the wrong place, and that a secret
    const shown = ["--set", /^[\w.-]{1,80}$/.test(name) ? name : "(not shown)"];
    if (option?.schema.secret) {
      faults.push({
        path: shown,
        message: `is a secret and may not stand on a command line: use ${option.variable} or \${NAME} in the file`,
      });
    } else if (option === undefined) {
      const near = suggest(
        name,
        options.map((candidate) => candidate.name),
      );
      const hint = near === null ? "; columns and lists are set in the file" : `; did you mean ${near}?`;
      faults.push({ path: shown, message: `is not an option that can be set here${hint}` });
    } else if (rest.length === 0) {
      faults.push({ path: shown, message: `is not of the form ${name}=VALUE` });
    } else {
      put(option, rest.join("="), `--set ${name}`);
    }
  }
  return { faults, originOf: (path) => origins.get(path.join(".")) ?? null };
}

/** Gives texts that come from the environment the type their option has: "4" becomes 4 for a number. */
export function coerceSubstituted(root: Record<string, unknown>, substituted: readonly (readonly string[])[]): void {
  for (const option of scalarOptions()) {
    const name = option.path.join(".");
    if (!substituted.some((path) => path.join(".") === name)) continue;
    const text = option.path.reduce<unknown>((place, part) => (isGroup(place) ? place[part] : undefined), root);
    if (typeof text === "string") set(root, option, text);
  }
}

/** False where something that is not a group stands in the way: it is left as it is, and the schema's check says so. */
function set(root: Record<string, unknown>, { path, schema }: ScalarOption, text: string): boolean {
  let place = root;
  for (const part of path.slice(0, -1)) {
    const inner = (place[part] ??= {});
    if (!isGroup(inner)) return false;
    place = inner;
  }
  place[path.at(-1) as string] = typed(text, [schema.type ?? []].flat());
  return true;
}

/** A text as the first of the types that it can be read as; else as it is, and the schema's check says what is wrong. */
function typed(text: string, types: readonly string[]): unknown {
  if (types.includes("integer") && /^-?\d+$/.test(text)) return Number(text);
  if (types.includes("number") && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (types.includes("boolean") && /^(true|false)$/.test(text)) return text === "true";
  return types.includes("null") && text === "null" ? null : text;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
