import { readFileSync } from "node:fs";
import nodePath from "node:path";

import type { Contract } from "../../contract/column.ts";
import { messageIdentity } from "../../contract/identity.ts";
import { MasklineError } from "../../errors.ts";
import { databaseUrlProblem } from "../../postgres/connection.ts";
import { parseTableName, showTable, type TableName } from "../../postgres/names.ts";
import { type ConfiguredColumn, readColumns } from "./columns.ts";
import { type ConfigDocument, readDocument } from "./document.ts";
import type { ConfigFault } from "./fault.ts";
import { identityFaults } from "./identity.ts";
import { keyringFaults } from "./keyring.ts";
import { applyOverrides, coerceSubstituted } from "./overrides.ts";
import { runFaults } from "./run-faults.ts";
import { configurationSchema, type Options } from "./schema.ts";
import { expandShorthands } from "./shorthand.ts";
import { validateOptions } from "./validate.ts";

export const defaultConfigFile = "maskline.yaml";

/** A configuration that has passed every check that needs no connection. */
export interface Settings {
  readonly file: string;
  readonly options: Options;
  readonly contract: Contract;
  readonly columns: readonly ConfiguredColumn[];
  /** Null when there is no sink. */
  readonly target: TableName | null;
  readonly pipeline: string;
  /** Variables that the file names and the environment lacks; only where that is no fault. */
  readonly unset: readonly string[];
  /** Asks whoever sits at the terminal for the ring's passphrase; not there where nobody does. */
  readonly askPassphrase?: () => Promise<string>;
}

export type UnsetAllowed = "nowhere" | "servers" | "anywhere";

export interface LoadOptions {
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `option=value`, over everything else. */
  readonly overrides: readonly string[];
  /** Where a variable that is not set is noted, and no fault: `servers` for what needs no connection, `anywhere` for looking only. */
  readonly unset?: UnsetAllowed;
}

/**
 * Defaults < file < environment < flags, checked as a whole.
 * @throws MasklineError `config_missing`, or `config_invalid` with every fault as `file:line  option  what`.
 */
export function loadSettings({ file, environment, overrides, unset = "nowhere" }: LoadOptions): Settings {
  const document = readDocument(readFile(file), environment);
  const { value } = document;
  const { settings, faults } = isRecord(value)
    ? readOptions(file, value, document, environment, overrides, unset)
    : { settings: null, faults: document.faults.map((fault) => show(file, fault, document.lineOf)) };
  if (settings === null && faults.length === 0) faults.push(`${file}:1  is not a set of options`);
  if (settings === null || faults.length > 0) {
    const count = faults.length === 1 ? "one fault" : `${faults.length} faults`;
    throw new MasklineError("config_invalid", `${file} has ${count}`, {
      details: faults,
      next: "correct them; every option is in docs/reference/configuration.md, a starter file comes from `maskline init`",
    });
  }
  return settings;
}

/** A file that the configuration names: beside the configuration, wherever the command is started. */
export function fileBeside(settings: Settings, file: string): string {
  return nodePath.isAbsolute(file) ? file : nodePath.join(nodePath.dirname(settings.file), file);
}

/** The error of a command that needs an option which may be left out elsewhere. */
export function missingOption(settings: Settings, option: string): MasklineError {
  return new MasklineError("config_invalid", `${settings.file} has no ${option}, which this command needs`, {
    next: "every option is in docs/reference/configuration.md; `maskline init` writes a starter file",
  });
}

/** All that is wrong, each as the line that is shown for it; settings when nothing is. */
function readOptions(
  file: string,
  value: Record<string, unknown>,
  document: ConfigDocument,
  environment: LoadOptions["environment"],
  flags: readonly string[],
  unsetAllowed: UnsetAllowed,
): { readonly settings: Settings | null; readonly faults: string[] } {
  const expanded = expandShorthands(value, configurationSchema);
  const fromEnvironment = document.substituted.map(expanded);
  coerceSubstituted(value, fromEnvironment);
  const overrides = applyOverrides(value, environment, flags);
  // a variable that is not there does no harm where the option is set over the file; elsewhere it is all there is to say
  const unset = document.faults
    .map((fault) => ({ ...fault, path: expanded(fault.path) }))
    .filter(({ path }) => overrides.originOf(path) === null);
  const unsetOptions = optionNames(unset.map(({ path }) => path));
  const substituted = optionNames(fromEnvironment);
  const hidden = (path: readonly string[]): boolean => substituted.has(path.join(".")) && overrides.originOf(path) === null;
  const { options, faults: schemaFaults, unreadable } = validateOptions(value, hidden);
  // what the schema refused cannot be read further; the rest still is, so that all faults come at once
  const sound = Object.entries(isRecord(options.columns) ? options.columns : {}).filter(([name]) => !unreadable.has(name));
  const { columns, faults: columnFaults } = readColumns(Object.fromEntries(sound));
  const { target, faults: adapterFaults } = readAddresses(options);
  const found = [
    ...schemaFaults,
    ...columnFaults,
    ...adapterFaults,
    ...identityFaults(options, columns),
    ...keyringFaults(options),
    ...runFaults(options),
  ].filter(({ path }) => !unsetOptions.has(path.join(".")));
  const shown = (fault: ConfigFault): string => {
    const origin = overrides.originOf(fault.path);
    return origin === null ? show(file, fault, document.lineOf) : `${origin}  ${fault.path.join(".")}  ${fault.message}`;
  };
  const needed = unset.filter(({ path: [group = ""] }) => !mayBeUnset(group, unsetAllowed));
  const faults = [...needed, ...overrides.faults, ...found].map(shown);
  if (faults.length > 0) return { settings: null, faults };
  const settings: Settings = {
    file,
    options,
    columns,
    contract: {
      columns: columns.map(({ column }) => column),
      decode: options.decode,
      maxBodyBytes: options.limits.body_bytes,
      ...(options.identity === messageIdentity ? {} : { identity: options.identity }),
    },
    target,
    pipeline: options.pipeline ?? (target === null ? "default" : showTable(target)),
    unset: unset.map(shown),
  };
  return { settings, faults };
}

/** A mask without the salt or the domain it was to have would be another mask: only addresses may be left open. */
function mayBeUnset(group: string, allowed: UnsetAllowed): boolean {
  return allowed === "anywhere" || (allowed === "servers" && (group === "source" || group === "sink"));
}

function optionNames(paths: readonly (readonly string[])[]): ReadonlySet<string> {
  return new Set(paths.map((path) => path.join(".")));
}

/** The table, and what no pattern can say of it and of the URLs. */
function readAddresses({ source, sink }: Options): { readonly target: TableName | null; readonly faults: readonly ConfigFault[] } {
  const faults: ConfigFault[] = [];
  const [table, url, queue]: readonly unknown[] = [sink?.postgres?.table, sink?.postgres?.url, source?.sqs?.queue];
  const target = typeof table === "string" ? parseTableName(table) : null;
  if (typeof table === "string" && table !== "" && target === null) {
    faults.push({ path: ["sink", "postgres", "table"], message: 'is not of the form table, schema.table or "Schema"."table"' });
  }
  const urlProblem = typeof url === "string" && url !== "" ? databaseUrlProblem(url) : null;
  if (urlProblem !== null) faults.push({ path: ["sink", "postgres", "url"], message: urlProblem });
  // the pattern of the option lets through what looks like a URL and is none
  if (typeof queue === "string" && /^https?:\/\/[^/@]+\/./.test(queue) && !URL.canParse(queue)) {
    faults.push({ path: ["source", "sqs", "queue"], message: "is not a URL; allowed: http(s)://HOST/ACCOUNT/QUEUE-NAME" });
  }
  const postgres = sink?.postgres;
  if (postgres?.ca !== undefined && postgres.tls !== undefined && postgres.tls !== "verify-full") {
    faults.push({
      path: ["sink", "postgres", "ca"],
      message: `verifies nothing with tls: ${postgres.tls}; write tls: verify-full, or leave ca out`,
    });
  }
  return { target, faults };
}

function show(file: string, fault: ConfigFault, lineOf: (path: readonly string[]) => number): string {
  const outside = fault.path[0]?.startsWith("MASKLINE_") || fault.path[0] === "--set";
  if (outside) return `${fault.path.join(" ")}  ${fault.message}`;
  return `${file}:${fault.line ?? lineOf(fault.path)}  ${fault.path.join(".")}${fault.path.length > 0 ? "  " : ""}${fault.message}`;
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new MasklineError("config_missing", `${file} cannot be read`, {
      next: "write a starter file with `maskline init`, or name one with --config FILE",
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
