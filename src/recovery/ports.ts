import type { ActFacts, AuditRow, ToldParts } from "./audit-entry.ts";

/** What the policy says of an act that was asked for. The last four are of the approval that was named; `approval_unfit` is of something else. */
export type Permit =
  | "permitted"
  | "no_right"
  | "over_limit"
  | "approval_needed"
  | "approval_pending"
  | "approval_expired"
  | "approval_used"
  | "approval_unfit";

/** An act as it is asked for. */
export interface Intent {
  readonly act: string;
  readonly facts: ActFacts;
  /** Of what is acted upon, each once or more often. */
  readonly tokenHashes: readonly Buffer[];
  /** Of a second person. */
  readonly approval: string | null;
}

/** The policy and the audit, kept together: what is permitted is counted and told in one transaction. */
export interface Governance {
  /**
   * Asks the policy for acts that go together, all or none; counts what it permits against the day's limit, uses up approvals, and appends
   * the intents with their tokens' hashes, each once. When any is not permitted nothing is counted or used, and refusals are appended.
   * Either is durable when this resolves.
   * @throws MasklineError `audit_unwritable` where it cannot be told: then nothing is permitted
   */
  begin(intents: readonly Intent[]): Promise<readonly Permit[]>;
  /** Appends what came of an act, or why it was refused. @throws MasklineError `audit_unwritable` */
  append(parts: ToldParts): Promise<void>;
  /** Asks for a second person. @returns the id to be approved */
  requestApproval(facts: ActFacts): Promise<string>;
}

/** Told of every row that has been appended: the end of the chain also goes where the database's owner cannot alter it. */
export type TellHead = (row: Pick<AuditRow, "sequence" | "hash" | "keyId" | "signature">) => void;
