import type { Fault } from "../contract/fault.ts";
import type { Incoming } from "../contract/incoming.ts";
import type { TextColumn } from "../contract/text-column.ts";
import type { BatchVault } from "./vault.ts";

/** A message as its source handed it over. May hold plain personal data: never logged, never part of an error. */
export interface Delivery extends Incoming {
  /** How often the source has handed this message out, this time included. */
  readonly attempt: number;
  /** The source's own grip on this delivery (for SQS the receipt handle). Opaque to everyone else. */
  readonly handle: string;
}

export const outcomes = ["loaded", "duplicate", "quarantined", "returned"] as const;
export type Outcome = (typeof outcomes)[number];

/** A delivery with its one outcome. */
export interface Settlement {
  readonly delivery: Delivery;
  readonly outcome: Outcome;
  /** Of a returned one: handed out again at once (the default), or after a pause that grows with its attempts. */
  readonly again?: "now" | "later";
}

/** A delivery that cannot become a row, with every fault found in it. */
export interface Refusal {
  readonly delivery: Delivery;
  /** What makes two deliveries the same message: the id of the delivery, or its identity from the body. */
  readonly id: string;
  readonly faults: readonly Fault[];
}

/** Masked rows by column: row `r` of `columns[c]` belongs to `deliveries[r]`; null is SQL NULL. Texts are in the form the column's type reads. */
export interface Rows {
  readonly deliveries: readonly Delivery[];
  /** What makes two deliveries the same message, for each delivery; may be empty in a step of a stream (`Batch.advance`). */
  readonly ids: readonly string[];
  readonly columns: readonly TextColumn[];
}

/** Where a load stands in the ledger: counts of this lane since the process started. */
export interface LedgerPosition {
  readonly run: string;
  readonly lane: number;
  /** Counts up from 1 without gaps in each lane. */
  readonly sequence: number;
  /** Deliveries received by this lane so far, those of this load included. */
  readonly received: number;
}

/** A token and the anchor's token of the same value: equal values are found equal although two keys masked them. */
export interface TokenAlias {
  readonly domain: string;
  readonly token: string;
  readonly canonical: string;
}

/** The keys a batch was prepared with. A sink writes it only while these may be written with. */
export interface BatchKeys {
  /** The ring, by the id of its first root. */
  readonly ring: number;
  /** The root that made the tokens. */
  readonly keyId: number;
  /** The root whose tokens stand for equal values; `keyId` itself while there is only one. */
  readonly anchorId: number;
  readonly sealingId: number;
  /** The roots that made tokens which do not say their key, where the contract names one. */
  readonly pinnedIds: readonly number[];
  /** Of every token of the batch, where another key is the anchor. */
  readonly aliases: readonly TokenAlias[];
}

/**
 * A step of a source that keeps its place in the sink (a file, a partition): moved in the transaction of the load, and only from where it
 * was read. It is the receipt of all the messages in between; of two that load the same step, one rolls back.
 */
export interface Advance {
  /** What the place is in, unique for the pipeline. */
  readonly stream: string;
  /** Where the batch begins; 0 for the beginning. */
  readonly from: number;
  /** Where the next begins. */
  readonly to: number;
}

export interface Batch {
  readonly rows: Rows;
  readonly refused: readonly Refusal[];
  readonly position: LedgerPosition;
  /** Of a source whose messages need no receipts of their own. */
  readonly advance?: Advance;
  /** Left out where nothing is masked under a key. */
  readonly keys?: BatchKeys;
  /** Where a column has a vault mask: the sink keeps the sealed originals of what it loads. */
  readonly vault?: BatchVault;
  /** Seals what a refused delivery held, for the quarantine; all bodies of one batch share one HPKE context. */
  readonly seal: (refused: Pick<Refusal, "delivery" | "id">) => Promise<Uint8Array>;
  /**
   * Where groups keep their order whatever happens: the deliveries that go back to the source because of these refused ones (themselves
   * and those behind them in their group). Left out where refused messages do not hold up others.
   */
  readonly heldBack?: (refused: readonly Delivery[]) => readonly Delivery[];
}

export interface Source {
  /**
   * Up to `limit` deliveries; [] when none came in time, null when none ever will. Keeps them invisible to others until settled.
   * Aborting `signal` ends a waiting call at once: it resolves to what it holds already, or [].
   */
  receive(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null>;
  /**
   * Exactly once per delivery: `returned` ones become visible again, all others are removed. What could not be removed
   * will come again and is a duplicate then: nothing is lost by a failing settle, so it reports and does not throw.
   */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Of a source that keeps its place in the sink: the step that goes with a batch as it was handed out, to be loaded with it. */
  advanceOf?(received: readonly Delivery[]): Advance | undefined;
  close(): Promise<void>;
}

export interface Sink {
  /**
   * One transaction: rows, receipts, quarantined bodies and ledger counts become durable together, or none does (then it throws).
   * Says for each delivery of the batch whether it was loaded, was a duplicate, or was refused. A row may come twice, also within a batch.
   * Throws `position_moved`, and writes nothing, when someone else has made this step. Throws `key_retired`, and writes nothing, when the batch's keys may no longer be written with; `budget_spent` when too many messages
   * were refused. After an outage (`database_unreachable`) it may be unknown whether the batch is durable: the same batch at the same
   * position can be loaded again, which looks that up first.
   * @param halt aborting it ends the load as soon as it can end: rolled back, or in doubt
   */
  load(batch: Batch, halt?: AbortSignal): Promise<readonly Settlement[]>;
  /** Writes into the ledger that a batch was given up and its messages returned; nothing, when its load is durable after all. */
  abandon(position: LedgerPosition, messages: number, halt?: AbortSignal): Promise<void>;
  /** Notes what a lane has received before it is loaded, so that the account of a killed run shows what it held. */
  noteReceived(position: LedgerPosition, halt?: AbortSignal): Promise<void>;
  /** Resolves when the sink can be written to, rejects while it cannot. Writes nothing. */
  probe(): Promise<void>;
  /** Appends the closing ledger row of a lane that ends in order. */
  closeLane(position: LedgerPosition, halt?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
