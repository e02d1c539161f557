import type { ConfigFault } from "./fault.ts";
import { configurationSchema, type OptionSchema } from "./schema.ts";
import { suggest } from "./suggest.ts";

const prefix = "MASKLINE_";

/** One option that holds a single value, and the ways to set it from outside the file. */
export interface ScalarOption {
  readonly path: readonly string[];
  readonly schema: OptionSchema;
  /** MASKLINE_SOURCE_SQS_QUEUE for source.sqs.queue */
  readonly variable: string;
}

/** Every option with one value, in the order of the schema; columns have names of the user's own and are set in the file only. */
export function scalarOptions(schema: OptionSchema = configurationSchema, path: readonly string[] = []): readonly ScalarOption[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, option]): readonly ScalarOption[] => {
    const here = [...path, name];
    if (option.properties) return scalarOptions(option, here);
    if (option.additionalProperties || option.type === "array") return [];
    return [{ path: here, schema: option, variable: prefix + here.join("_").toUpperCase() }];
  });
}

/** Puts environment variables, then `--set path=value` flags, over the file's values (in place). */
export function applyOverrides(
  value: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): readonly ConfigFault[] {
  const options = scalarOptions();
  const faults: ConfigFault[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || text === undefined) continue;
    const option = options.find((candidate) => candidate.variable === variable);
    if (option) set(value, option, text);
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
    const option = options.find(({ path }) => path.join(".") === name);
    if (option?.schema.secret) {
      faults.push({
        path: ["--set", name],
        message: `is a secret and may not stand on a command line: use ${option.variable} or \${NAME} in the file`,
      });
    } else if (option === undefined || rest.length === 0) {
      const near = suggest(
        name,
        options.map(({ path }) => path.join(".")),
      );
      faults.push({
        path: ["--set", name],
        message: `is not of the form option=value${near === null ? "" : `; did you mean ${near}?`}`,
      });
    } else {
      set(value, option, rest.join("="));
    }
  }
  return faults;
}

function set(root: Record<string, unknown>, { path, schema }: ScalarOption, text: string): void {
  let place = root;
  for (const part of path.slice(0, -1)) {
    const inner = place[part];
    // what is not a group stays as it is: the schema's check says so
    place =
      typeof inner === "object" && inner !== null
        ? (inner as Record<string, unknown>)
        : ((place[part] = {}) as Record<string, unknown>);
  }
  const number = schema.type === "integer" && /^-?\d+$/.test(text) ? Number(text) : null;
  const flag = schema.type === "boolean" && /^(true|false)$/.test(text) ? text === "true" : null;
  place[path.at(-1) as string] = number ?? flag ?? text;
}
