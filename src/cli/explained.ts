import { MasklineError } from "../errors.ts";
import type { Why } from "../recovery/govern.ts";
import type { TellHead } from "../recovery/ports.ts";
import type { Call, Flag } from "./command.ts";
import type { Output } from "./output.ts";

/** Of what every act on personal values, and every change of the policy, has to say for itself. */
export const reasonFlags: Readonly<Record<string, Flag>> = {
  reason: { value: "TEXT", doc: "why; kept in the audit for good, so without anything personal" },
  ticket: { value: "ID", doc: "the ticket or case that it belongs to" },
};

export const explainedFlags: Readonly<Record<string, Flag>> = {
  ...reasonFlags,
  approval: { value: "ID", doc: "a second person's approval of this very list (maskline approve)" },
};

const shortestReason = 10;
const longestReason = 1_000;
const longestTicket = 200;
/** The id of an approval, or of an erasure. */
export const idForm: RegExp = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** @throws MasklineError `usage` where the reason or the ticket is missing, or no reason at all */
export function explainedBy(call: Call): Pick<Why, "reason" | "ticket"> {
  const reason = (call.text("reason") ?? "").trim();
  const ticket = (call.text("ticket") ?? "").trim();
  const next = "--reason TEXT says why, --ticket ID where it is asked for; both are kept in the audit";
  if (reason.length < shortestReason || reason.length > longestReason)
    throw new MasklineError("usage", `wants a reason of ${shortestReason} to ${longestReason} characters`, { next });
  if (ticket === "" || ticket.length > longestTicket) throw new MasklineError("usage", "wants a ticket", { next });
  if (/[\0\p{Cc}]/u.test(reason + ticket))
    throw new MasklineError("usage", "reason and ticket are one line of text each", { next });
  return { reason, ticket };
}

/** @throws MasklineError `usage` where it is no id of an approval */
export function approvalOf(call: Call, flag: string): string | null {
  const approval = call.text(flag);
  if (approval !== null && !idForm.test(approval))
    throw new MasklineError("usage", `--${flag} wants the id that the refused command showed`, {
      next: `run it without --${flag} to ask anew`,
    });
  return approval;
}

/**
 * Heads of the audit's chain go to stderr, where a log stream keeps them out of the reach of whoever owns the database. The second word is
 * what `audit verify --anchor` takes; a terminal, which keeps nothing, shows no more than that, on one line.
 */
export function tellHeadOn(output: Output): TellHead {
  return ({ sequence, hash, keyId, signature }) => {
    const head = `audit ${sequence}:${hash.toString("hex")}`;
    if (output.interactive) return output.say(output.style("dim", head));
    output.say(`${head} key ${keyId} signature ${signature.toString("base64url")}`);
  };
}
