import { randomUUID } from "node:crypto";

import { codeOf, type ErrorCode, MasklineError } from "../errors.ts";
import type { ActFacts } from "./audit-entry.ts";
import type { CanonicalValue } from "./canonical-json.ts";
import type { Governance, Intent, Permit } from "./ports.ts";

/** What came of an act: counts and such, never a value. */
export type Outcome = { readonly [name: string]: CanonicalValue };

/** An act that was permitted; its intent is durable. */
export interface GovernedAct {
  readonly id: string;
  /** To be called when it is done: the second row. */
  end(outcome: Outcome): Promise<void>;
  /** The same where it has failed: of what was thrown the code is told. That it cannot be told does not hide it. */
  fail(error: unknown, soFar?: Outcome): Promise<void>;
}

/** Why an act is done, and with whose leave; kept in the audit for good. */
export interface Why {
  readonly reason: string;
  readonly ticket: string;
  /** Of a second person; null for none. */
  readonly approval: string | null;
}

/** An act that somebody wants to do. */
export interface WantedAct {
  readonly facts: ActFacts;
  readonly tokenHashes: readonly Buffer[];
  /** Of a second person. */
  readonly approval: string | null;
  /** What the approval is given with. */
  readonly approvalFlag?: string;
}

/**
 * The one way to personal values: right, limit, second person and the intent in the audit come first, and the first value after that.
 * @throws RefusedAct `right_missing`, `limit_reached`, `approval_needed`, `approval_unfit`: nothing may be shown then; MasklineError
 *   `audit_unwritable`: nor then
 */
export async function beginAct(
  governance: Governance,
  facts: ActFacts,
  tokenHashes: readonly Buffer[],
  approval: string | null = null,
): Promise<GovernedAct> {
  const [act] = await beginActs(governance, [{ facts, tokenHashes, approval }]);
  return act as GovernedAct;
}

/** The same of acts that go together: all are permitted, or none is counted and no approval used. @throws as `beginAct` */
export async function beginActs(governance: Governance, wanted: readonly WantedAct[]): Promise<readonly GovernedAct[]> {
  const intents = wanted.map(({ facts, tokenHashes, approval }): Intent => ({ act: randomUUID(), facts, tokenHashes, approval }));
  const permits = await governance.begin(intents);
  const refused = wanted.flatMap((one, index) => {
    const permit = permits[index] ?? "no_right";
    return permit === "permitted" ? [] : [{ ...one, permit }];
  });
  if (refused.length > 0) throw await refusalOf(governance, refused);
  return intents.map((intent) => begun(governance, intent));
}

function begun(governance: Governance, intent: Intent): GovernedAct {
  const { act } = intent;
  const end = (outcome: Outcome): Promise<void> => governance.append({ act, step: "result", facts: toldFacts(intent), outcome });
  return {
    id: act,
    end,
    async fail(error, soFar = {}) {
      try {
        await end({ ...soFar, failed: codeOf(error) });
      } catch {
        // the failure is the one to show
      }
    },
  };
}

/** What the audit is told of an act: the approval too that it names. */
export function toldFacts({ facts, approval }: Pick<Intent, "facts" | "approval">): ActFacts {
  return approval === null ? facts : { ...facts, details: { ...facts.details, approval } };
}

/** The policy allows no such act, or not now. */
export class RefusedAct extends MasklineError {
  readonly action: ActFacts["action"];

  constructor({ action }: ActFacts, code: ErrorCode, message: string, next: string) {
    super(code, message, { next });
    this.action = action;
  }
}

type Refused = WantedAct & { readonly permit: Exclude<Permit, "permitted"> };

async function refusalOf(governance: Governance, refused: readonly Refused[]): Promise<RefusedAct> {
  const [final] = refused.filter(({ permit }) => permit !== "approval_needed");
  if (final !== undefined) return refusal(final, final.permit as FinalPermit);
  const asked = await Promise.all(
    refused.map(async (one) => ({ id: await governance.requestApproval(one.facts), flag: flagOf(one) })),
  );
  const [{ facts }] = refused as [Refused];
  return new RefusedAct(
    facts,
    "approval_needed",
    `${refused.map((one) => `to ${one.facts.action} ${amountOf(one.facts)}`).join(", and ")} needs a second person`,
    `another person with the right: ${asked.map(({ id }) => `maskline approve ${id}`).join(" and ")}; then the same command, with the same list, reason and ticket, and ${asked.map(({ flag, id }) => `${flag} ${id}`).join(" ")}`,
  );
}

/** How much there is of a person is what an erasure would tell: that is no answer of a refusal. */
function amountOf({ action, amount, domain }: ActFacts): string {
  return action === "erase" ? `values of ${domain}` : `${amount} values of ${domain}`;
}

function flagOf({ approvalFlag = "--approval" }: WantedAct): string {
  return approvalFlag;
}

type FinalPermit = Exclude<Permit, "permitted" | "approval_needed">;

function refusal(wanted: WantedAct, permit: FinalPermit): RefusedAct {
  const { code, says, next } = refusals[permit];
  const flag = flagOf(wanted);
  return new RefusedAct(wanted.facts, code, says(wanted.facts, flag), next(flag));
}

interface RefusalText {
  readonly code: ErrorCode;
  readonly says: (facts: ActFacts, flag: string) => string;
  readonly next: (flag: string) => string;
}

const askAnew = (flag: string): string => `run the command without ${flag} to ask anew`;
const refusals: Readonly<Record<FinalPermit, RefusalText>> = {
  no_right: {
    code: "right_missing",
    says: ({ action, domain }) => `the policy gives you no right to ${action} values of ${domain}`,
    next: () => "ask whoever keeps the policy; maskline policy list shows it",
  },
  over_limit: {
    code: "limit_reached",
    says: (facts) => `to ${facts.action} ${amountOf(facts)} more is over today's limit`,
    next: () => "ask for fewer, tomorrow, or for another limit: maskline policy list",
  },
  approval_pending: {
    code: "approval_unfit",
    says: (_, flag) => `the approval of ${flag} has not been given yet`,
    next: () => "wait for the second person (maskline approve), then run the same command again",
  },
  approval_expired: { code: "approval_unfit", says: (_, flag) => `the approval of ${flag} has expired`, next: askAnew },
  approval_used: { code: "approval_unfit", says: (_, flag) => `the approval of ${flag} was used: it holds once`, next: askAnew },
  approval_unfit: {
    code: "approval_unfit",
    says: (_, flag) => `the approval of ${flag} is of another person, act, list, reason, ticket or place where values go`,
    next: (flag) => `repeat the command that asked for it to the letter, or ${askAnew(flag)}`,
  },
};
