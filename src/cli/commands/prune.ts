import { planPrune, pruneNow } from "../../app/prune.ts";
import { MasklineError } from "../../errors.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

type Removed = Awaited<ReturnType<typeof planPrune>>;

export const prune: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    "dry-run": { doc: "count what is old, change nothing" },
    exits: {
      value: "DAYS",
      doc: "also forget who took which message out of the quarantine so many days ago (default: it is kept for good)",
    },
  },
  about: `Removes receipts of messages that were sent more than sink.postgres.receipt_days ago (of FIFO queues and identities: received), and
sums up the ledger of that time: the account of each run stays what it was. Receipts of quarantined messages stay. In short transactions
that no load waits for; safe beside running pipelines, and to interrupt. \`maskline run\` does the same by itself where its role may
delete: this is for a role of its own, from cron. --exits takes the right to delete from quarantine_exit, which no other run asks for.`,
  examples: [
    ["maskline prune --dry-run", "how much is old"],
    ["maskline prune", "once a day, as the role that may"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const { output } = call;
    const exitDays = call.number("exits");
    if (call.has("dry-run")) {
      const planned = await planPrune(settings, exitDays);
      const { receipts, ledgerRows, notes } = planned;
      if (output.json) return output.document({ dryRun: true, receipts, ledgerRows, notes, ...exitsOf(planned) });
      output.data(`would remove ${amounts(planned)}`);
      return output.say("nothing was changed; next: maskline prune");
    }
    const { ended, ...removed } = await pruneNow(settings, call.stop, exitDays);
    if (ended === "stopped") {
      throw new MasklineError("interrupted", `stopped after ${amounts(removed)} were removed`, {
        next: "maskline prune goes on from there",
      });
    }
    if (output.json) {
      const { exits: _, ...rest } = removed;
      return output.document({ dryRun: false, ...rest, ...exitsOf(removed), busy: ended === "busy" });
    }
    output.say(`removed ${amounts(removed)}`);
    if (ended === "busy") output.say("another process is pruning this pipeline: the rest is its");
  },
};

function amounts({ receipts, ledgerRows, notes, exits }: Removed): string {
  const all = `${count(receipts)} receipts, ${count(ledgerRows)} rows of the ledger (summed up), ${count(notes)} notes of what lanes held`;
  return exits === null ? all : `${all}, ${count(exits)} rows of who took what out of the quarantine`;
}

function exitsOf({ exits }: Removed): { readonly exits?: number } {
  return exits === null ? {} : { exits };
}
