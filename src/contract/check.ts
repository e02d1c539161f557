import { MasklineError } from "../errors.ts";
import { openBody } from "./body.ts";
import type { Column, Contract } from "./column.ts";
import { compileColumn, type CompiledColumn } from "./compiled-column.ts";
import type { Fault } from "./fault.ts";
import { compileIdentity, type IdentityReader } from "./identity.ts";
import type { Incoming } from "./incoming.ts";
import { isBlank, type Reader } from "./reading.ts";

/**
 * The values of a row, one for each column of the contract, or every fault that was found (at least one). `identity` where the contract
 * names one and it could be read, of a message with faults too.
 */
export type Checked = ({ readonly values: readonly (string | null)[] } | { readonly faults: readonly Fault[] }) & {
  readonly identity?: string;
};

/** Checks one message. Pure, never throws, and says nothing of what the message holds but types and sizes. */
export type Check = (incoming: Incoming) => Checked;

/** Whether a text needs no check because it is a token of its column's mask already. */
export type PassesAsIs = (text: string) => boolean;

/**
 * Makes the check of a contract, once for all messages. Throws `config_invalid` where `columnProblem` finds something.
 * @param exceptions by column; only for input that is trusted to hold tokens beside values
 */
export function compileContract(contract: Contract, exceptions: ReadonlyMap<string, PassesAsIs> = new Map()): Check {
  const columns = contract.columns.map((column) => {
    const compiled = compileColumn(column);
    if (typeof compiled === "string") throw new MasklineError("config_invalid", `column ${column.name}: ${compiled}`);
    const passes = exceptions.get(column.name);
    if (passes === undefined) return compiled;
    const read: Reader = (value) => (typeof value === "string" && passes(value) ? value : compiled.read(value));
    return { ...compiled, read };
  });
  const readIdentity = identityReader(contract);
  return (incoming) => {
    const body = openBody(incoming.body, contract);
    const id = readIdentity?.("fault" in body ? null : body.object, incoming);
    const known = typeof id === "string" ? { identity: id } : {};
    if ("fault" in body) return { faults: [body.fault], ...known };
    const values: (string | null)[] = [];
    const faults: Fault[] = [];
    for (const column of columns) {
      const value = column.find(body.object, incoming);
      const missing = whyMissing(value, column);
      if (missing !== null) {
        values.push(column.fallback);
        if (column.fallback === null) {
          for (const path of column.missingPaths) faults.push({ reason: "missing", path, expected: "a value", found: missing });
        }
        continue;
      }
      const text = column.read(value);
      if (typeof text !== "string") {
        faults.push({ reason: text.reason, path: column.path, expected: text.expected, found: text.found });
        continue;
      }
      const contents = column.readContents(text);
      if (typeof contents === "string") values.push(contents);
      else faults.push(...contents);
    }
    if (typeof id === "object" && !faults.some(({ path, reason }) => path === id.path && reason === id.reason)) faults.unshift(id);
    return faults.length === 0 ? { values, ...known } : { faults, ...known };
  };
}

function identityReader({ identity }: Contract): IdentityReader | null {
  const reader = identity === undefined ? null : compileIdentity(identity);
  if (typeof reader === "string") throw new MasklineError("config_invalid", `identity: ${reader}`);
  return reader;
}

function whyMissing(value: unknown, column: CompiledColumn): string | null {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  return column.blankIsMissing && isBlank(value) ? "empty text" : null;
}

/** What is wrong with how a column is written, beyond what the schema of the configuration can say; null if nothing is. */
export function columnProblem(column: Column): string | null {
  const compiled = compileColumn(column);
  return typeof compiled === "string" ? compiled : null;
}

/** Whether a row that passes the check can hold NULL in this column. */
export function mayBeNull(column: Column): boolean {
  const compiled = compileColumn(column);
  return typeof compiled === "string" || (compiled.missingPaths.length === 0 && compiled.fallback === null);
}
