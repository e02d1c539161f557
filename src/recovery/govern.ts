import { randomUUID } from "node:crypto";

import { MasklineError } from "../errors.ts";
import type { ActFacts } from "./audit-entry.ts";
import type { CanonicalValue } from "./canonical-json.ts";
import type { Governance, Permit } from "./ports.ts";

/** What came of an act: counts and such, never a value. */
export type Outcome = { readonly [name: string]: CanonicalValue };

/** An act that was permitted; its intent is durable. */
export interface GovernedAct {
  readonly id: string;
  /** To be called when it is done or has failed: the second row. */
  end(outcome: Outcome): Promise<void>;
}

/**
 * The one way to personal values: right, limit, second person and the intent in the audit come first, and the first value after that.
 * @throws MasklineError `right_missing`, `limit_reached`, `approval_needed`, `approval_unfit`, `audit_unwritable`: nothing may be shown then
 */
export async function beginAct(
  governance: Governance,
  facts: ActFacts,
  tokenHashes: readonly Buffer[],
  approval: string | null = null,
): Promise<GovernedAct> {
  const id = randomUUID();
  const told = approval === null ? facts : { ...facts, details: { ...facts.details, approval } };
  const permit = await governance.begin(id, told, tokenHashes, approval);
  if (permit === "approval_needed") throw await asksForApproval(governance, facts);
  if (permit !== "permitted") throw refusal(permit, facts);
  return { id, end: (outcome) => governance.append({ act: id, step: "result", facts: told, outcome }) };
}

async function asksForApproval(governance: Governance, facts: ActFacts): Promise<MasklineError> {
  const id = await governance.requestApproval(facts);
  return new MasklineError("approval_needed", `${facts.amount} values of ${facts.domain} at once need a second person`, {
    next: `another person with the right: maskline approve ${id}; then the same command, with the same list and --approval ${id}`,
  });
}

function refusal(permit: Exclude<Permit, "permitted" | "approval_needed">, { action, domain, amount }: ActFacts): MasklineError {
  switch (permit) {
    case "no_right":
      return new MasklineError("right_missing", `the policy gives you no right to ${action} values of ${domain}`, {
        next: "ask whoever keeps the policy; maskline policy list shows it",
      });
    case "over_limit":
      return new MasklineError("limit_reached", `${amount} more values of ${domain} are over today's limit for ${action}`, {
        next: "ask for fewer, tomorrow, or for another limit: maskline policy list",
      });
    case "approval_unfit":
      return new MasklineError(
        "approval_unfit",
        "this approval is not of this person, list and act, or is used, expired or not given yet",
        {
          next: "run the command without --approval to ask anew",
        },
      );
  }
}
