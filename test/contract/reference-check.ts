import { openBody } from "../../src/contract/body.ts";
import type { Contract } from "../../src/contract/column.ts";
import { compileColumn, type CompiledColumn } from "../../src/contract/compiled-column.ts";
import type { Fault } from "../../src/contract/fault.ts";
import { compileIdentity, type IdentityReader } from "../../src/contract/identity.ts";
import { isBlank } from "../../src/contract/reading.ts";
import type { Check } from "./contracts.ts";

/** A contract's check in the plainest way, message by message and value by value: what the readers of columns are compared with. */
export function referenceCheck(contract: Contract): Check {
  const columns = contract.columns.map((column) => {
    const compiled = compileColumn(column);
    if (typeof compiled === "string") throw new TypeError(compiled);
    return compiled;
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
  if (typeof reader === "string") throw new TypeError(reader);
  return reader;
}

function whyMissing(value: unknown, column: CompiledColumn): string | null {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  return column.blankIsMissing && isBlank(value) ? "empty text" : null;
}
