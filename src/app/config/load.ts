import { readFileSync } from "node:fs";

import type { Contract } from "../../contract/column.ts";
import { MasklineError } from "../../errors.ts";
import { parseTableName, showTable, type TableName } from "../../postgres/names.ts";
import { type ConfiguredColumn, readColumns } from "./columns.ts";
import { readDocument } from "./document.ts";
import type { ConfigFault } from "./fault.ts";
import { applyOverrides } from "./overrides.ts";
import type { Options } from "./schema.ts";
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
}

export interface LoadOptions {
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `option=value`, over everything else. */
  readonly overrides: readonly string[];
}

/**
 * Defaults < file < environment < flags, checked as a whole.
 * @throws MasklineError `config_missing`, or `config_invalid` with every fault as `file:line  option  what`.
 */
export function loadSettings({ file, environment, overrides }: LoadOptions): Settings {
  const document = readDocument(readFile(file), environment);
  const faults: ConfigFault[] = [...document.faults];
  const settings = isRecord(document.value) ? readOptions(file, document.value, environment, overrides, faults) : null;
  if (settings === null && faults.length === 0) faults.push({ path: [], message: "is not a set of options" });
  if (settings === null || faults.length > 0) {
    const count = faults.length === 1 ? "one fault" : `${faults.length} faults`;
    throw new MasklineError("config_invalid", `${file} has ${count}`, {
      details: faults.map((fault) => show(file, fault, document.lineOf)),
      next: "correct them; every option is in docs/reference/configuration.md, a starter file comes from `maskline init`",
    });
  }
  return settings;
}

function readOptions(
  file: string,
  value: Record<string, unknown>,
  environment: LoadOptions["environment"],
  overrides: readonly string[],
  faults: ConfigFault[],
): Settings | null {
  faults.push(...applyOverrides(value, environment, overrides));
  const { options, faults: schemaFaults } = validateOptions(value);
  faults.push(...schemaFaults);
  // what the schema refused cannot be read further; the rest still is, so that all faults come at once
  const refused = new Set(schemaFaults.flatMap(({ path }) => (path[0] === "columns" ? [path[1] ?? ""] : [])));
  const sound = Object.entries(isRecord(value["columns"]) ? options.columns : {}).filter(
    ([name]) => !refused.has(name) && !refused.has(""),
  );
  const { columns, faults: columnFaults } = readColumns(Object.fromEntries(sound));
  faults.push(...columnFaults);
  const table = options.sink?.postgres?.table;
  const target = typeof table === "string" ? parseTableName(table) : null;
  if (typeof table === "string" && target === null) {
    faults.push({ path: ["sink", "postgres", "table"], message: 'is not of the form table, schema.table or "Schema"."table"' });
  }
  if (faults.length > 0) return null;
  return {
    file,
    options,
    columns,
    contract: { columns: columns.map(({ column }) => column), decode: options.decode, maxBodyBytes: options.limits.body_bytes },
    target,
    pipeline: options.pipeline ?? (target === null ? "default" : showTable(target)),
  };
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
