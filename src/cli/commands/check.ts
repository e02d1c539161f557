import { connectAndCheck, type Finding } from "../../app/check.ts";
import { advisoryControls } from "../../app/recovery/recovery-controls.ts";
import { type MaskFinding, reviewMasks, unmaskedPersonalColumns } from "../../app/review-masks.ts";
import { MasklineError } from "../../errors.ts";
import { type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { formatTable, type TableColumn } from "../table.ts";

export const check: Command = {
  flags: { ...configFlags, connect: { doc: "try queue, database, table, rights and keys too; nothing is received" } },
  about: "Reports every fault of the configuration with file, line and option, and shows what each mask keeps and gives away.",
  examples: [
    ["maskline check", "the file alone, no connection"],
    ["maskline check --connect", "everything a run rests on, before the first message"],
  ],
  async run(call) {
    const settings = settingsOf(call, { unset: call.has("connect") ? "nowhere" : "anywhere" });
    const masks = reviewMasks(settings);
    const plain = unmaskedPersonalColumns(settings);
    const advisory = await advisoryControls(settings);
    const findings = call.has("connect") ? await connectAndCheck(settings) : [];
    const failed = findings.flatMap(({ subject, error }) => (error === null ? [] : [{ subject, error }]));
    if (call.output.json && failed.length === 0) {
      call.output.document({
        file: settings.file,
        unset: settings.unset,
        masks,
        plain,
        recovery: { advisory: advisory !== null, warning: advisory },
        checks: findings.map(({ subject, good, warnings }) => ({ subject, good, warnings })),
      });
    }
    if (!call.output.json) {
      call.output.say(`${settings.file}: ${settings.contract.columns.length} columns, no fault`);
      for (const variable of settings.unset) call.output.say(`  note, not needed here: ${variable}`);
      showMasks(call.output, masks, plain);
      if (advisory !== null) call.output.say(`  ${call.output.style("yellow", "warning:")} ${advisory}`);
      for (const finding of findings) showFinding(call.output, finding);
    }
    if (failed.length > 0) throw summary(failed, findings.length, call.output.json);
    if (!call.output.json) call.output.say(findings.length === 0 ? "next: maskline check --connect" : "next: maskline run --drain");
  },
};

const maskColumns: readonly TableColumn<MaskFinding>[] = [
  { title: "column", value: ({ column }) => column },
  { title: "mask", value: ({ kind }) => kind },
  { title: "domain", value: ({ domain }) => domain },
  {
    title: "reversible",
    value: ({ kind, reversible }) => (reversible ? "with the key" : kind === "vault" ? "from the vault" : "no"),
  },
  { title: "names its key", value: ({ tagged }) => (tagged ? "yes" : "no") },
  {
    title: "forgery",
    value: ({ reversible, authenticated }) => (reversible ? (authenticated ? "noticed" : "not noticed") : null),
  },
  { title: "equal values", value: ({ keepsEquality }) => (keepsEquality ? "stay equal" : "are lost") },
  { title: "keeps", value: ({ keeps }) => keeps },
  { title: "longest", value: ({ longest }) => longest },
];

function showMasks(output: Output, masks: readonly MaskFinding[], plain: readonly string[]): void {
  const warn = (column: string, warning: string): void =>
    output.say(`  ${output.style("yellow", "warning:")} ${column}: ${warning}`);
  if (masks.length === 0) output.say("no column is masked: everything the contract names is stored as it comes");
  else {
    output.say();
    for (const line of formatTable(maskColumns, masks)) output.say(`  ${line}`);
    for (const { column, warnings } of masks) for (const warning of warnings) warn(column, warning);
  }
  for (const column of plain) warn(column, "is personal by its type and has no mask: it is stored as it comes");
  if (masks.length > 0) output.say();
}

function showFinding(output: Output, { subject, good, warnings, error }: Finding): void {
  if (error === null) {
    output.say(`  ${output.style("green", "ok")}    ${subject}: ${good ?? ""}`);
    for (const warning of warnings) output.say(`  ${output.style("yellow", "warning:")} ${subject}: ${warning}`);
    return;
  }
  output.say(`  ${output.style("red", "fault")} ${subject}: ${error.message}`);
  for (const detail of error.details) output.say(`          ${detail}`);
  if (error.next !== undefined) output.say(`          next: ${error.next}`);
}

/** One error for all: the exit code is the first fault's, an outage only when nothing else is wrong. In full where nothing was said yet. */
function summary(failed: readonly { subject: string; error: MasklineError }[], tried: number, inFull: boolean): MasklineError {
  const worst = failed.find(({ error }) => !error.retryable) ?? failed[0];
  const [code, next] = worst === undefined ? (["internal", undefined] as const) : ([worst.error.code, worst.error.next] as const);
  return new MasklineError(code, `${failed.length} of ${tried} checks failed: ${failed.map(({ subject }) => subject).join(", ")}`, {
    details: failed.flatMap(({ subject, error }) =>
      inFull
        ? [`${subject}: ${error.code}: ${error.message}`, ...error.details.map((detail) => `${subject}: ${detail}`)]
        : [`${subject}: ${error.code}`],
    ),
    ...(next === undefined ? {} : { next }),
  });
}
