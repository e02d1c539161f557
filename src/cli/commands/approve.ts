import { MasklineError } from "../../errors.ts";
import { type AskedApproval, giveApproval, readApproval } from "../../postgres/recovery/approvals.ts";
import { everyDomain } from "../../recovery/audit-entry.ts";
import { canonicalJson } from "../../recovery/canonical-json.ts";
import { type Command, configFlags } from "../command.ts";
import { confirmed } from "../confirmed.ts";
import { toldAct } from "../explained-act.ts";
import { idForm } from "../explained.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count, moment, showable } from "../table.ts";

export const approve: Command = {
  operands: "ID",
  flags: { ...configFlags, yes: { doc: "do not ask; what is approved is shown all the same" } },
  about: `Shows what somebody has asked for and, once confirmed, allows it: this act upon this list of values (by its digest), for this person, for
this reason and ticket, with these details (the column, where the values go, what becomes of messages), once, until it expires. Whoever
asked can never approve it. Needs the right to approve (maskline policy list), and the full key ring, which signs the audit: without it
nothing is approved.`,
  examples: [
    ["maskline approve 3d0c6a52-4f6e-4d0c-9a55-5b1f6f3a8e11", "look, then type yes"],
    ["maskline approve 3d0c6a52-4f6e-4d0c-9a55-5b1f6f3a8e11 --yes", "for a script"],
  ],
  async run(call) {
    const [id] = call.operands;
    if (id === undefined || !idForm.test(id)) {
      throw new MasklineError("usage", "wants the id of what is to be approved", {
        next: "take it from whoever asks: the refused command showed it",
      });
    }
    const attempt = { action: "approve", domain: everyDomain, details: { approval: id } } as const;
    await toldAct(call, settingsOf(call), attempt, async ({ database, governance, schema }) => {
      const waiting = await readApproval(database, governance, schema, id);
      if (!call.output.json) show(call.output, waiting);
      await confirmed(call, { does: "approves this for somebody else", question: "Type yes to approve it: ", answer: "yes" });
      await giveApproval(governance, schema, waiting);
      const { asked, actor, expiresAt } = waiting;
      if (call.output.json) return call.output.document({ approved: id, ...asked, for: actor, expiresAt });
      call.output.say(
        `approved. ${showable(actor)} can use it once, until ${moment(expiresAt)}: the same command with --approval ${id}`,
      );
    });
  },
};

function show(output: Output, { id, asked, actor, requestedAt, expiresAt }: AskedApproval): void {
  const { action, domain, amount, list, reason, ticket, details } = asked;
  output.say(`approval ${id}`);
  output.say(`  who      ${showable(actor)}, on ${moment(requestedAt)}`);
  output.say(`  what     ${showable(action)}: ${count(amount)} values of ${showable(domain)}`);
  for (const [name, detail] of Object.entries(details))
    output.say(`           ${showable(name)}: ${showable(typeof detail === "string" ? detail : canonicalJson(detail))}`);
  output.say(`  reason   ${showable(reason)}`);
  output.say(`  ticket   ${showable(ticket)}`);
  output.say(`  list     SHA-256 ${list}`);
  output.say(`  expires  ${moment(expiresAt)}`);
}
