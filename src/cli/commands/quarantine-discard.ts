import { discardMessages } from "../../app/recovery/discard.ts";
import { attemptUpon } from "../../app/recovery/quarantine-act.ts";
import { MasklineError } from "../../errors.ts";
import { type Command, configFlags } from "../command.ts";
import { explainedAct } from "../explained-act.ts";
import { explainedFlags } from "../explained.ts";
import { missingInWords, selectionFlags, selectionOf } from "../quarantine-selection.ts";
import { settingsOf } from "../settings.ts";
import { count, messages } from "../table.ts";

export const quarantineDiscard: Command = {
  stopsInOrder: true,
  operands: "ID...",
  flags: { ...configFlags, ...selectionFlags, "dry-run": { doc: "say how many there are; change nothing" }, ...explainedFlags },
  about: `Removes refused messages for good, unopened. Their receipts say discarded, so that they never come back. An act of the policy: it takes the
right to replay on domain quarantine, and stands in the audit.`,
  examples: [
    [
      "maskline quarantine discard 2a4adbf3-7689-4082-beaa-185eca9e1c65 --reason 'a test of the producer' --ticket OPS-8",
      "one message",
    ],
    [
      "maskline quarantine discard --reason-code not_json --dry-run --reason 'a broken producer' --ticket OPS-8",
      "how many there are",
    ],
  ],
  async run(call) {
    const { output } = call;
    const [selection, dryRun] = [selectionOf(call), call.has("dry-run")];
    const settings = settingsOf(call);
    const attempt = attemptUpon(settings, "replay", { discard: true, dryRun });
    const result = await explainedAct(call, settings, attempt, (governed, why) =>
      discardMessages(settings, governed, {
        selection,
        why,
        dryRun,
        onProgress: (discarded) => output.progress(`${count(discarded)} discarded`),
        stop: call.stop,
      }),
    );
    const { selected, discarded, missing } = result;
    if (!dryRun && call.stop.aborted && discarded < selected) {
      throw new MasklineError("replay_unfinished", `stopped: ${count(selected - discarded)} messages are still there`, {
        details: [`${count(discarded)} discarded`],
        next: "the same command goes on with what is left, without --approval: where that needs a second person it asks for one anew",
      });
    }
    if (output.json) return output.document({ dryRun, ...result });
    if (selected === 0) return output.say("the quarantine holds no such message: nothing was changed");
    if (dryRun) output.say(`${messages(selected)} would be discarded; nothing was changed`);
    else output.say(`${messages(discarded)} discarded`);
    if (missing.length > 0) output.say(missingInWords(missing));
  },
};
