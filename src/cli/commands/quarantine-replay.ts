import { attemptUpon, type RemovedMasks } from "../../app/recovery/quarantine-act.ts";
import { type Replayed, replayQuarantine } from "../../app/recovery/replay.ts";
import { MasklineError } from "../../errors.ts";
import type { ReplayCounts } from "../../recovery/replay.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { explainedAct } from "../explained-act.ts";
import { approvalOf, explainedFlags } from "../explained.ts";
import type { Output } from "../output.ts";
import { meter, RunProgress } from "../progress.ts";
import { missingInWords, selectionFlags, selectionOf, wholeBody } from "../quarantine-selection.ts";
import { settingsOf } from "../settings.ts";
import { count, formatTable, messages } from "../table.ts";

export const quarantineReplay: Command = {
  stopsInOrder: true,
  operands: "ID...",
  flags: {
    ...configFlags,
    ...selectionFlags,
    rate: { value: "N", doc: "replay at most so many messages a second (default: as fast as the database goes)" },
    "dry-run": { doc: "do everything in transactions that are rolled back; an act of the policy all the same" },
    ...explainedFlags,
    "reveal-approval": { value: "ID", doc: "a second person's approval, where masks were removed and so many values need one" },
  },
  about: `Opens the sealed bodies of refused messages and runs them through today's contract and masks. What fits is loaded with the message's own
id and sent time, its receipt turns to loaded and it leaves the quarantine, all in one transaction: killed, stopped or run twice at once,
each message has one effect, and the same command goes on. What is refused again stays, with its faults of today. Needs the full ring
and the policy's action replay on domain quarantine; where a field was masked when a message was sealed and is not now, the right to reveal
on that domain too. Nothing of a message is shown.`,
  examples: [
    [
      "maskline quarantine replay --reason-code missing --path device_id --reason 'field is optional now' --ticket OPS-7",
      "after the contract was changed",
    ],
    ["maskline quarantine replay --all --dry-run --reason 'trying the new contract' --ticket OPS-7", "what would become of them"],
  ],
  async run(call) {
    const [selection, dryRun] = [selectionOf(call), call.has("dry-run")];
    const revealApproval = approvalOf(call, "reveal-approval");
    const messagesPerSecond = call.number("rate", 1) ?? Infinity;
    const progress = new ReplayProgress(call.output);
    const settings = settingsOf(call);
    const attempt = attemptUpon(settings, "replay", { dryRun });
    const result = await explainedAct(call, settings, attempt, (governed, why) =>
      replayQuarantine(settings, governed, {
        selection,
        why,
        revealApproval,
        dryRun,
        messagesPerSecond,
        report: (event) => progress.events.report(event),
        onBegin: (selected, removed) => progress.begin(selected, removed),
        onProgress: (soFar) => progress.show(soFar),
        stop: call.stop,
      }),
    );
    conclude(call, result, dryRun);
  },
};

function conclude({ output }: Call, result: Replayed, dryRun: boolean): void {
  const { missing, complete, stays, examples, selected } = result;
  if (!complete) {
    const { loaded, duplicate, refused, unopened, gone } = result;
    throw new MasklineError("replay_unfinished", `stopped: ${count(selected - tried(result))} messages were not tried`, {
      details: Object.entries({ loaded, duplicate, refused, unopened, gone }).map(([name, number]) => `${count(number)} ${name}`),
      next: "the same command goes on with what is left, without --approval: where that needs a second person it asks for one anew",
    });
  }
  if (output.json) return output.document({ dryRun, ...result });
  if (selected === 0) return output.say("the quarantine holds no such message: nothing was opened");
  tell(output, result, dryRun);
  if (missing.length > 0) output.say(missingInWords(missing));
  if (stays.length + examples.length > 0) output.say("next: maskline quarantine list");
}

function tried({ loaded, duplicate, refused, unopened, gone }: ReplayCounts): number {
  return loaded + duplicate + refused + unopened + gone;
}

function tell(output: Output, { loaded, duplicate, refused, unopened, gone, stays, examples }: Replayed, dryRun: boolean): void {
  const rows: readonly (readonly [string, number, string])[] = [
    ["loaded", loaded, dryRun ? "would be rows of the table" : "rows of the table now"],
    ["duplicate", duplicate, "had their effect already, under the identity they have today"],
    ["refused", refused, "stay in the quarantine"],
    ["unopened", unopened, "sealed bodies that did not open; they stay as they are"],
    ["gone", gone, "had left the quarantine meanwhile"],
  ];
  for (const line of formatTable(
    [
      { title: "outcome", value: ([outcome]) => outcome },
      { title: "messages", value: ([, number]) => number },
      { title: "", value: ([, , meaning]) => meaning, width: 70 },
    ],
    rows.filter(([outcome, number]) => number > 0 || outcome === "loaded"),
  ))
    output.data(line);
  if (stays.length > 0) {
    output.data();
    for (const line of formatTable(
      [
        { title: "messages", value: ({ messages: number }) => number },
        { title: "still refused for", value: ({ reason }) => reason },
        { title: "field", value: ({ path }) => path || wholeBody },
      ],
      stays,
    ))
      output.data(line);
  }
  for (const { id, failure } of examples) output.say(`message ${id} did not open: ${unopenedInWords[failure]}`);
  if (dryRun) output.say("nothing was changed");
}

const unopenedInWords = {
  malformed: "its body is not a sealed one",
  unknown_key: "this ring does not hold the sealing key it was sealed to",
  not_authentic: "it was altered, or stands where another one belongs",
} as const;

/** One line that is rewritten: how far it is, and how fast. */
class ReplayProgress {
  /** What is told of keys beside. */
  readonly events: RunProgress;
  readonly #output: Output;
  readonly #startedAtMs = performance.now();
  #selected = 0;

  constructor(output: Output) {
    this.#output = output;
    this.events = new RunProgress(output, null);
  }

  begin(selected: number, removed: RemovedMasks | null): void {
    this.#selected = selected;
    if (removed === null) return;
    const what =
      removed.paths.length === 0
        ? "which masks they were sealed under is not known"
        : `no longer as masked: ${removed.paths.join(", ")}`;
    this.#output.say(`${this.#output.style("yellow", "warning:")} of ${messages(removed.messages)} ${what}; the audit says so`);
  }

  show(soFar: ReplayCounts): void {
    const done = tried(soFar);
    const perSecond = done / Math.max(0.001, (performance.now() - this.#startedAtMs) / 1_000);
    const { loaded, refused } = soFar;
    this.#output.progress(
      `${meter(done / this.#selected)} ${count(done)} of ${count(this.#selected)}  ${count(loaded)} loaded  ${count(refused)} refused  ${count(Math.round(perSecond))}/s`,
    );
  }
}
