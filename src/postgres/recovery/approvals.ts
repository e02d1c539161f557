import { randomUUID } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import { type ActFacts, everyDomain, listDigest } from "../../recovery/audit-entry.ts";
import { type Database, DatabaseRefusal } from "../database.ts";
import { quoteName } from "../names.ts";
import type { PostgresGovernance } from "./governance.ts";

/** What a second person is asked to allow. */
export type AskedApproval = {
  readonly id: string;
  /** The act as it was asked for; its list is a digest. */
  readonly asked: ActFacts;
  readonly actor: string;
  readonly requestedAt: Date;
  readonly expiresAt: Date;
};

/** Why `approve` of migration 7 refused. */
type Refused = "not_there" | "own" | "same" | "no_right" | "changed" | "expired" | "taken";

/** @throws MasklineError `approval_unfit`, `right_missing`: told in the audit */
export async function readApproval(
  database: Database,
  governance: PostgresGovernance,
  schema: string,
  id: string,
): Promise<AskedApproval> {
  const [waiting] = await database
    .query<AskedApproval>(
      "reading what waits for a second person",
      `SELECT id, asked, actor, requested_at AS "requestedAt", expires_at AS "expiresAt" FROM ${quoteName(schema)}.pending_approval($1)`,
      [id],
    )
    .catch((error: unknown) => refuseTheRightless(error, governance, unknownFacts(id)));
  if (waiting === undefined) return refuse(governance, unknownFacts(id), "not_there");
  return waiting;
}

/**
 * Allows what was looked at, and nothing else: the list is the one that was shown. Told in the audit in the same transaction.
 * @throws MasklineError `approval_unfit`, `right_missing`: told in the audit; `audit_unwritable`: then nothing is allowed
 */
export async function giveApproval(governance: PostgresGovernance, schema: string, waiting: AskedApproval): Promise<void> {
  const act = randomUUID();
  const facts = factsOf(waiting);
  await governance
    .together(async (query, tell) => {
      await tell({ act, step: "intent", facts, outcome: null });
      const [row] = await query<{ said: "approved" | Refused }>(`SELECT ${quoteName(schema)}.approve($1, $2, $3) AS said`, [
        waiting.id,
        JSON.stringify(waiting.asked),
        governance.principal,
      ]);
      const answer = row?.said ?? "not_there";
      if (answer !== "approved") throw new NotGiven(answer);
      await tell({ act, step: "result", facts, outcome: { approved: waiting.id } });
    })
    .catch((error: unknown) =>
      error instanceof NotGiven ? refuse(governance, facts, error.why) : refuseTheRightless(error, governance, facts),
    );
}

/** Takes back with the transaction that an approval was to be given. */
class NotGiven extends Error {
  readonly why: Refused;

  constructor(why: Refused) {
    super(why);
    this.why = why;
  }
}

async function refuse(governance: PostgresGovernance, facts: ActFacts, why: Refused): Promise<never> {
  await governance.append({ act: randomUUID(), step: "refusal", facts, outcome: { refused: why } });
  throw refusal(why);
}

/** Who may not even call the function. */
async function refuseTheRightless(error: unknown, governance: PostgresGovernance, facts: ActFacts): Promise<never> {
  if (error instanceof DatabaseRefusal && error.failure.sqlState === "42501") return refuse(governance, facts, "no_right");
  throw error;
}

/** Why it is asked for stands in it as whoever asks has said. The function compares the details with what it is asked for. */
function factsOf({ id, asked, actor }: AskedApproval): ActFacts {
  return { ...asked, action: "approve", details: { approval: id, for: actor, of: asked.action, with: asked.details } };
}

function unknownFacts(id: string): ActFacts {
  const list = listDigest([id]).toString("hex");
  return { action: "approve", domain: everyDomain, amount: 0, list, reason: "", ticket: "", details: { approval: id } };
}

function refusal(why: Refused): MasklineError {
  if (why === "no_right") {
    return new MasklineError("right_missing", "the policy gives you no right to be the second person here", {
      next: "ask whoever keeps the policy; maskline policy list shows it",
    });
  }
  const { says, next } = unfit[why];
  return new MasklineError("approval_unfit", says, { next });
}

const askAnew = "whoever asked runs the command again without --approval, which gives a new id";
const unfit: Readonly<Record<Exclude<Refused, "no_right">, { readonly says: string; readonly next: string }>> = {
  not_there: { says: "nothing waits for an approval under this id", next: "take the id that the refused command showed" },
  own: { says: "this was asked for by you: the second person is another one", next: "ask someone else with the right to approve" },
  same: {
    says: "AWS says that you are who asked for this; nothing was approved",
    next: "ask someone whose credentials AWS tells from theirs: with a shared role it cannot",
  },
  changed: {
    says: "the list is not the one that was shown; nothing was approved",
    next: "run maskline approve again and look anew",
  },
  expired: { says: "this was asked for too long ago; nothing was approved", next: askAnew },
  taken: { says: "this was approved already; an approval is given once, and used once", next: askAnew },
};
