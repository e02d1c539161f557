import { MasklineError } from "../errors.ts";
import { ColumnReader, type PassesAsIs } from "./column-reader.ts";
import type { Column, Contract } from "./column.ts";
import { compileColumn } from "./compiled-column.ts";
import { ContractReader } from "./contract-reader.ts";
import { createFlatLines } from "./flat-lines.ts";
import { compileIdentity, type IdentityReader } from "./identity.ts";

/**
 * Makes the reader of a contract, once for all messages. Throws `config_invalid` where `columnProblem` finds something.
 * @param exceptions by column; only for input that is trusted to hold tokens beside values
 */
export function compileContract(contract: Contract, exceptions: ReadonlyMap<string, PassesAsIs> = new Map()): ContractReader {
  const columns = contract.columns.map((column) => {
    const compiled = compileColumn(column);
    if (typeof compiled === "string") throw new MasklineError("config_invalid", `column ${column.name}: ${compiled}`);
    return new ColumnReader(column, compiled, exceptions.get(column.name) ?? null);
  });
  return new ContractReader(contract, columns, identityReader(contract), createFlatLines(contract, columns));
}

function identityReader({ identity }: Contract): IdentityReader | null {
  const reader = identity === undefined ? null : compileIdentity(identity);
  if (typeof reader === "string") throw new MasklineError("config_invalid", `identity: ${reader}`);
  return reader;
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
