import type { ActFacts, AuditRow, ToldParts } from "./audit-entry.ts";

/** What the policy says of an act that was asked for. */
export type Permit = "permitted" | "no_right" | "over_limit" | "approval_needed" | "approval_unfit";

/** The policy and the audit, kept together: what is permitted is counted and told in one transaction. */
export interface Governance {
  /**
   * Asks the policy, counts what it permits against the day's limit, uses up the approval, and appends the intent with its tokens' hashes,
   * each once. When it is not permitted, appends the refusal. Either is durable when this resolves.
   * @throws MasklineError `audit_unwritable` where it cannot be told: then nothing is permitted
   */
  begin(act: string, facts: ActFacts, tokenHashes: readonly Buffer[], approval: string | null): Promise<Permit>;
  /** Appends what came of an act, or why it was refused. @throws MasklineError `audit_unwritable` */
  append(parts: ToldParts): Promise<void>;
  /** Asks for a second person. @returns the id to be approved */
  requestApproval(facts: ActFacts): Promise<string>;
  /** Rows of the audit from a sequence on, in their order. */
  read(from: number, limit: number): Promise<readonly AuditRow[]>;
}

/** Told of every row that has been appended: the end of the chain also goes where the database's owner cannot alter it. */
export type TellHead = (row: Pick<AuditRow, "sequence" | "hash" | "keyId" | "signature">) => void;
