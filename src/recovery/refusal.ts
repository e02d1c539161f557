import { randomUUID } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { type ActFacts, listDigest } from "./audit-entry.ts";
import type { Governance } from "./ports.ts";

/** What was attempted, as far as it was said. */
export type Attempt = Pick<ActFacts, "action" | "domain" | "details"> & Partial<Pick<ActFacts, "reason" | "ticket">>;

/**
 * Tells the audit of an attempt that ended before it became an act. Nothing was opened, and nothing follows: where it cannot be told
 * the refusal stands all the same.
 */
export async function tellRefusal(governance: Governance, attempt: Attempt, refused: string): Promise<void> {
  const list = listDigest([]).toString("hex");
  const facts: ActFacts = { amount: 0, list, reason: "", ticket: "", ...attempt };
  try {
    await governance.append({ act: randomUUID(), step: "refusal", facts, outcome: { refused } });
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
  }
}
