import { compileContract } from "../contract/check.ts";
import type { PassesAsIs } from "../contract/column-reader.ts";
import type { Column, Contract } from "../contract/column.ts";
import type { ContractReader } from "../contract/contract-reader.ts";
import type { Incoming } from "../contract/incoming.ts";
import { TextColumn } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";

/** A column of one-way tokens whose originals are kept, sealed. */
export interface VaultColumn {
  /** Its place among the columns of the rows. */
  readonly place: number;
  readonly domain: string;
  /** The root of its tokens, and of the hashes of their subjects. */
  readonly keyId: number;
}

/** A token that the vault has not got yet, and a message whose value it stands for. */
export interface Sighting {
  readonly delivery: Incoming;
  /** Index in `BatchVault.columns`. */
  readonly column: number;
  readonly token: string;
}

/** Rows as they are loaded, and the messages that they come from. */
export interface KeptRows {
  readonly deliveries: readonly Incoming[];
  readonly columns: readonly TextColumn[];
}

/**
 * What a sink asks of a batch for its vault. Values are in none of the answers: they are read again from the messages, which the lane
 * holds anyway, and leave this object as seals and keyed hashes only.
 */
export interface BatchVault {
  readonly columns: readonly VaultColumn[];
  /** Whose these rows are: for each of the columns, the keyed hash of every row's subject. */
  subjects(rows: KeptRows): readonly (readonly Buffer[])[];
  /** The sealed originals, each to be opened in its own place only; all of one batch share one HPKE context. */
  seal(sightings: readonly Sighting[]): Promise<readonly Uint8Array[]>;
  /** Whose a message is that cannot become a row; null where it does not say. */
  subjectOf(refused: Incoming): Buffer | null;
}

/** What a sealed original is bound to: it opens in its own place only. */
export function vaultPlace(domain: string, token: string): readonly string[] {
  return ["vault", domain, token];
}

/** Reads some columns of a contract from messages that were read before. */
export class ColumnsAgain {
  readonly #reader: ContractReader;
  readonly #columns: readonly Column[];

  constructor(contract: Contract, columns: readonly Column[], exceptions: ReadonlyMap<string, PassesAsIs>) {
    this.#columns = columns;
    const { decode, maxBodyBytes } = contract;
    this.#reader = compileContract({ columns, decode, maxBodyBytes }, exceptions);
  }

  /** Hands the values to `use`, a row for each message, and forgets them after it. @throws MasklineError where a message does not read */
  read<T>(deliveries: readonly Incoming[], use: (columns: readonly TextColumn[]) => T): T {
    const columns = this.#columns.map(() => new TextColumn(deliveries.length));
    const rows = { columns, ids: [] };
    try {
      for (const delivery of deliveries) {
        if (this.#reader.append(delivery, rows) !== null)
          throw new MasklineError("internal", "a message that became a row does not read any more");
      }
      return use(columns);
    } finally {
      for (const column of columns) column.clear();
    }
  }

  /** The value of the first column; null where the message does not have it. */
  first({ id, body, sentAtMs, receivedAtMs, groupId, attributes }: Incoming): string | null {
    const columns = this.#columns.map(() => new TextColumn(1));
    // by its text, which is cut where a line is too long: it may have been refused for its bytes
    const incoming = { id, body, sentAtMs, receivedAtMs, groupId, attributes };
    try {
      return this.#reader.append(incoming, { columns, ids: [] }) === null ? (columns[0]?.at(0) ?? null) : null;
    } finally {
      for (const column of columns) column.clear();
    }
  }
}
