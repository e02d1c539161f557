import { planPrune, pruneNow } from "../../app/prune.ts";
import { MasklineError } from "../../errors.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

type Removed = Awaited<ReturnType<typeof planPrune>>;

export const prune: Command = {
  stopsInOrder: true,
  flags: { ...configFlags, "dry-run": { doc: "count what is old, change nothing" } },
  about: `Removes receipts of messages that were sent more than sink.postgres.receipt_days ago (of FIFO queues and identities: received), and
sums up the ledger of that time: the account of each run stays what it was. Receipts of quarantined messages stay. In short transactions
that no load waits for; safe beside running pipelines, and to interrupt. \`maskline run\` does the same by itself where its role may
delete: this is for a role of its own, from cron.`,
  examples: [
    ["maskline prune --dry-run", "how much is old"],
    ["maskline prune", "once a day, as the role that may"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const { output } = call;
    if (call.has("dry-run")) {
      const { receipts, ledgerRows, notes } = await planPrune(settings);
      if (output.json) return output.document({ dryRun: true, receipts, ledgerRows, notes });
      output.data(`would remove ${amounts({ receipts, ledgerRows, notes })}`);
      return output.say("nothing was changed; next: maskline prune");
    }
    const { ended, ...removed } = await pruneNow(settings, call.stop);
    if (ended === "stopped") {
      throw new MasklineError("interrupted", `stopped after ${amounts(removed)} were removed`, {
        next: "maskline prune goes on from there",
      });
    }
    if (output.json) return output.document({ dryRun: false, ...removed, busy: ended === "busy" });
    output.say(`removed ${amounts(removed)}`);
    if (ended === "busy") output.say("another process is pruning this pipeline: the rest is its");
  },
};

function amounts({ receipts, ledgerRows, notes }: Removed): string {
  return `${count(receipts)} receipts, ${count(ledgerRows)} rows of the ledger (summed up), ${count(notes)} notes of what lanes held`;
}
