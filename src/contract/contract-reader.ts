import { openBody } from "./body.ts";
import type { ColumnReader } from "./column-reader.ts";
import type { Contract } from "./column.ts";
import type { Fault } from "./fault.ts";
import type { FlatLines } from "./flat-lines.ts";
import type { IdentityReader } from "./identity.ts";
import type { Incoming } from "./incoming.ts";
import type { TextColumn } from "./text-column.ts";

/** A message that cannot become a row: what it is known by, and every fault that was found in it (at least one). */
export interface RefusedMessage {
  readonly id: string;
  readonly faults: readonly Fault[];
}

/** Where the rows of messages go: a text or null in each column of the contract, and what the message is known by; null for its own id. */
export interface ReadRows {
  readonly columns: readonly TextColumn[];
  readonly ids: (string | null)[];
}

/** Checks messages, and reads the rows that they become into columns. Says nothing of what a message holds but types and sizes. */
export class ContractReader {
  readonly #contract: Contract;
  readonly #columns: readonly ColumnReader[];
  readonly #readIdentity: IdentityReader | null;
  readonly #flatLines: FlatLines | null;

  constructor(
    contract: Contract,
    columns: readonly ColumnReader[],
    readIdentity: IdentityReader | null,
    flatLines: FlatLines | null,
  ) {
    this.#contract = contract;
    this.#columns = columns;
    this.#readIdentity = readIdentity;
    this.#flatLines = flatLines;
  }

  /** Appends the row that a message becomes. Never throws. @returns null, or why there is none: then nothing was appended */
  append(incoming: Incoming, rows: ReadRows): RefusedMessage | null {
    const { line } = incoming;
    if (line === undefined || this.#flatLines?.append(line, incoming, rows.columns) !== true)
      return this.#appendAny(incoming, rows);
    rows.ids.push(null);
    return null;
  }

  #appendAny(incoming: Incoming, rows: ReadRows): RefusedMessage | null {
    const body = openBody(incoming.body, this.#contract);
    const identity = this.#readIdentity?.("fault" in body ? null : body.object, incoming) ?? null;
    const id = typeof identity === "string" ? identity : null;
    if ("fault" in body) return { id: id ?? incoming.id, faults: [body.fault] };
    const readers = this.#columns;
    const { columns, ids } = rows;
    let faults: Fault[] | null = null;
    for (let place = 0; place < readers.length; place += 1) {
      const found = (readers[place] as ColumnReader).append(body.object, incoming, columns[place] as TextColumn);
      if (found === null) continue;
      faults ??= [];
      faults.push(...found);
    }
    if (typeof identity === "object" && identity !== null) {
      faults ??= [];
      if (!faults.some(({ path, reason }) => path === identity.path && reason === identity.reason)) faults.unshift(identity);
    }
    if (faults !== null) {
      for (const column of columns) if (column.count > ids.length) column.truncate(ids.length);
      return { id: id ?? incoming.id, faults };
    }
    ids.push(id);
    return null;
  }
}
