import type { ErrorCode } from "../errors.ts";
import type { Outcome } from "./ports.ts";

/** What a run tells whoever watches it. Counts and codes only: an event never holds anything of a message. */
export type PipelineEvent =
  | { readonly kind: "received"; readonly messages: number }
  | { readonly kind: "settled"; readonly counts: Counts }
  | { readonly kind: "retrying"; readonly code: ErrorCode; readonly delayMs: number }
  /** Receiving stands still, and what is held waits: told once, when it begins and when it is over. */
  | { readonly kind: "outage"; readonly of: "sink" | "source"; readonly code: ErrorCode }
  | { readonly kind: "recovered"; readonly of: "sink" | "source"; readonly afterMs: number }
  | { readonly kind: "undeleted"; readonly messages: number }
  /** The source may hand these out again while they are in work here: they were held too long, or could not be extended. */
  | { readonly kind: "lease_lost"; readonly messages: number }
  /** Came again while they were in work here: not handed to a lane a second time. */
  | { readonly kind: "redelivered"; readonly messages: number }
  /** The ring was rotated, and from now on batches are masked under this key. */
  | { readonly kind: "key_changed"; readonly keyId: number }
  /** The ring was rotated, and this process could not follow; `code` says why, where something failed. It writes on as long as it may. */
  | { readonly kind: "key_outdated"; readonly keyId: number; readonly code: ErrorCode | null }
  /** The database was not told that this process lives, several times in a row: others may take it for dead. Told once. */
  | { readonly kind: "unheard"; readonly code: ErrorCode }
  /** Old receipts stay: this role may not remove them (null), or that failed. Told once of each. */
  | { readonly kind: "unpruned"; readonly code: ErrorCode | null };

export type Report = (event: PipelineEvent) => void;

/** How many deliveries had which outcome. */
export type Counts = Readonly<Record<Outcome, number>>;

export const noCounts: Counts = { loaded: 0, duplicate: 0, quarantined: 0, returned: 0 };

export function addCounts(left: Counts, right: Counts): Counts {
  return {
    loaded: left.loaded + right.loaded,
    duplicate: left.duplicate + right.duplicate,
    quarantined: left.quarantined + right.quarantined,
    returned: left.returned + right.returned,
  };
}

export function countOutcomes(settlements: Iterable<{ readonly outcome: Outcome }>): Counts {
  const counts = { ...noCounts };
  for (const { outcome } of settlements) counts[outcome] += 1;
  return counts;
}
