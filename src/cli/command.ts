import { type ParseArgsConfig, parseArgs } from "node:util";

import { suggest } from "../app/config/suggest.ts";
import { MasklineError } from "../errors.ts";
import type { Output } from "./output.ts";

/** A flag of one command, declared once: parsing, help and documentation come from it. */
export interface Flag {
  /** What stands behind the flag, as shown in help: "N", "FILE"; absent for a flag without a value. */
  readonly value?: string;
  readonly short?: string;
  readonly many?: boolean;
  readonly doc: string;
}

/** 24 days. A timer of Node's that is set to more than 2^31 - 1 ms goes off at once. */
const longestTimerMs = 576 * 3_600_000;

export interface Command {
  /** What follows the command's name, as shown in help: "[TOKEN]". */
  readonly operands?: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** What it does, for its own help page; a few lines. */
  readonly about: string;
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Ends what it has begun when it is asked to stop; all others end at once. */
  readonly stopsInOrder?: true;
  /** Does the work. Whatever it throws becomes the exit code. */
  run(call: Call): Promise<void>;
}

/** Flags that every command takes. */
export const commonFlags: Readonly<Record<string, Flag>> = {
  json: { doc: "print data as JSON" },
  help: { short: "h", doc: "show this help" },
};

export const configFlags: Readonly<Record<string, Flag>> = {
  config: { short: "c", value: "FILE", doc: "the configuration file (default: maskline.yaml)" },
  set: { value: "OPTION=VALUE", many: true, doc: "set an option over file and environment; may be repeated" },
};

/** One call of a command: its flags and operands, where it speaks, and the signal that asks it to stop. */
export class Call {
  readonly operands: readonly string[];
  readonly output: Output;
  /** How this program is called from a shell: in a checkout there is no `maskline` on the path. */
  readonly program: string = import.meta.filename.endsWith(".ts") ? "npx maskline" : "maskline";
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stop: AbortSignal;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(parsed: Parsed, output: Output, environment: Readonly<Record<string, string | undefined>>, stop: AbortSignal) {
    this.operands = parsed.operands;
    this.#values = parsed.values;
    this.output = output;
    this.environment = environment;
    this.stop = stop;
  }

  has(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | null {
    const value = this.#values[name];
    return typeof value === "string" ? value : null;
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A whole number, at least `least`; null when the flag is not there. */
  number(name: string, least: number = 0): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new MasklineError("usage", `--${name} takes a whole number of ${least} or more`);
    }
    return value;
  }

  /** "90", "90s", "15m" or "2h"; in ms. */
  durationMs(name: string): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const found = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text);
    if (!found) throw new MasklineError("usage", `--${name} takes a time: 90, 90s, 15m or 2h`);
    const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 }[found[2] ?? "s"] ?? 1_000;
    const durationMs = Math.round(Number(found[1]) * unitMs);
    if (durationMs > longestTimerMs) throw new MasklineError("usage", `--${name} takes at most ${longestTimerMs / 3_600_000}h`);
    return durationMs;
  }
}

export interface Parsed {
  readonly values: Readonly<Record<string, unknown>>;
  readonly operands: readonly string[];
}

/** @throws MasklineError `usage`, naming the nearest flag for a mistyped one */
export function parseFlags(command: Command, args: readonly string[]): Parsed {
  const flags = { ...commonFlags, ...command.flags };
  const options: NonNullable<ParseArgsConfig["options"]> = Object.fromEntries(
    Object.entries(flags).map(([name, { value, short, many }]) => [
      name,
      { type: value === undefined ? "boolean" : "string", ...(short === undefined ? {} : { short }), multiple: many ?? false },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: command.operands !== undefined,
      strict: true,
    });
    const most = command.operands?.endsWith("...") === true ? Infinity : (command.operands?.split(" ").length ?? 0);
    if (positionals.length > most) throw new MasklineError("usage", `takes ${most} word beside its flags, and was given more`);
    return { values, operands: positionals };
  } catch (error) {
    if (error instanceof MasklineError) throw error;
    throw new MasklineError("usage", explain(error, Object.keys(flags)));
  }
}

/** node:util's own words, without what the user typed behind a flag: that may be a secret in the wrong place. */
function explain(error: unknown, known: readonly string[]): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
  const name = error instanceof Error ? (/'(?:-\w, )?(-[^'\s=]*)/.exec(error.message)?.[1] ?? "") : "";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const near = suggest(name.replace(/^-+/, ""), known);
    return `unknown flag ${name}${near === null ? "" : `; did you mean --${near}?`}`;
  }
  if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL") return "takes flags only, and was given a word without one";
  return name === "" ? "the flags were not understood" : `${name}: a value is missing, or one was given where none belongs`;
}
