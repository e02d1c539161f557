/** A right in the database, and what it is needed for. */
export type Right = {
  /** Privileges as GRANT names them. */
  readonly may: string;
  readonly why: string;
} & (
  | {
      /** In maskline's schema: tables and views. */
      readonly tables: readonly string[];
      /** Only these columns. */
      readonly columns?: readonly string[];
    }
  | {
      /** In maskline's schema: functions with the types of their arguments. */
      readonly functions: readonly string[];
    }
  | { readonly target: TargetPart }
);

/**
 * What of the user's own table: all of it, the contract's columns, the masked columns (of every partition too), the sequences from which
 * the defaults of its other columns take numbers, or the views of `maskline duplicates --print-view`, those that are there.
 */
export type TargetPart = "whole" | "contract" | "masked" | "sequences" | "views";

/** Who needs which rights. */
export interface DatabaseRole {
  /** Behind the prefix: maskline_writer. */
  readonly name: string;
  readonly does: string;
  readonly rights: readonly Right[];
}
