import type { Batch, Refusal } from "../pipeline/ports.ts";
import type { Prepared } from "../pipeline/prepare.ts";

/** What a quarantined message is found by. */
export interface QuarantineKey {
  /** What it was known by when it was refused: its own id, or its identity under the contract of then. */
  readonly id: string;
  readonly sentAtMs: number | null;
}

/** A refused message as it lies in the quarantine. */
export interface SealedMessage extends QuarantineKey {
  readonly sealed: Uint8Array;
  readonly attempt: number;
  readonly quarantinedAtMs: number;
}

/** A batch of the quarantine, opened and prepared. The handle of each delivery is what it is known by in the quarantine. */
export type ReplayBatch = Pick<Prepared, "rows" | "refused"> & Pick<Batch, "keys" | "vault">;

/** What became of a batch. */
export interface Replayed {
  readonly loaded: number;
  /** Under the identity that today's contract gives them they have had their effect already, or the table has their row. */
  readonly duplicate: number;
  /** These stay, with their faults of today. */
  readonly refused: readonly Refusal[];
  /** Someone else was first. */
  readonly gone: number;
}

export interface ReplayStore {
  /** Those that still stand in the quarantine. */
  read(keys: readonly QuarantineKey[]): Promise<readonly SealedMessage[]>;
  /**
   * One transaction: rows, the receipts that turn from quarantined to loaded, and the removal from the quarantine become durable together,
   * or none does. Only of a message that stands there still, whoever else is at it. What is refused stays, and is counted.
   * Throws `key_retired`, and writes nothing, when the batch's keys may no longer be written with.
   */
  write(batch: ReplayBatch): Promise<Replayed>;
}
