import type { Remasked, TokenRow } from "./remask.ts";

/** A part of the table that is walked by itself: the table, or one of its partitions. */
export interface TablePart {
  readonly name: string;
  readonly blocks: number;
}

/** How far a walk has come: every block of the parts before `part`, and those of `part` before `block`. */
export interface WalkPosition {
  readonly pass: number;
  readonly part: string;
  readonly block: number;
}

/** What one step did. */
export interface StepResult {
  /** Rows that nobody else had changed meanwhile. */
  readonly changed: number;
  readonly unopened: Remasked["unopened"];
}

/** The table as a rekey sees it. */
export interface RekeyStore {
  /** In an order that stays the same. */
  parts(): Promise<readonly TablePart[]>;
  /**
   * Takes the walk over: whoever walked before is refused at its next step. Where an earlier walk to the same key was left off, its
   * position; else null.
   */
  begin(toKey: number): Promise<WalkPosition | null>;
  /**
   * Reads the rows of some blocks that hold tokens of other keys, has them masked again (where they are long a part of them at a time),
   * and writes rows, aliases and position in one transaction. A row that someone else changes meanwhile stays as that one left it, for
   * the next pass.
   * @throws MasklineError `key_retired` when the key is no longer the one to write with, `rekey_unfinished` when another walk has taken over
   */
  step(from: WalkPosition, untilBlock: number, remask: (rows: readonly TokenRow[]) => Remasked): Promise<StepResult>;
  /** Notes the start of a pass. */
  restart(pass: number): Promise<void>;
  /** The walk is done: nothing to take over any more. */
  finish(): Promise<void>;
}
