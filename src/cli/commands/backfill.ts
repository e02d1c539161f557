import { type BackfillRehearsal, rehearseBackfill } from "../../app/backfill-rehearsal.ts";
import { type BackfillRequest, type BackfillStart, type BackfillTotals, backfill as loadFiles } from "../../app/backfill.ts";
import type { Settings } from "../../app/config/load.ts";
import { MasklineError } from "../../errors.ts";
import { parseSentAt, type SentAt } from "../../sources/files/sent-at.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { FileProgress, size } from "../file-progress.ts";
import { MergedEvents, type SeveralTotals, sumTotals } from "../merged-runs.ts";
import type { Output } from "../output.ts";
import { ProcessShare } from "../process-share.ts";
import { inProcesses, processCount, processFlags } from "../processes.ts";
import { settingsOf } from "../settings.ts";
import { count, formatTable } from "../table.ts";

export const backfill: Command = {
  stopsInOrder: true,
  operands: "FILE...",
  flags: {
    ...configFlags,
    ...processFlags,
    "sent-at": {
      value: "PATH|TIME",
      doc: "what $sent_at is: a field of the event with its time (event.time), or one time for all (2024-01-31T00:00:00Z)",
    },
    "accept-tokens": { doc: "let values pass that are tokens of their domain already; for trusted input only" },
    changed: {
      doc: "load files of a known name although they hold something else: they are other files, or old lines may come twice",
    },
    "dry-run": { doc: "check everything and read the files through contract and masks; load nothing" },
    quiet: { doc: "no progress" },
  },
  about: `Loads events from files, one JSON object a line (NDJSON), plain or packed by gzip or zstd, into the table that run loads: the same
contract, masks, quarantine and ledger. CSV is not read yet. Every line is loaded exactly once: a position is moved in the transaction of
each load, so a backfill can be stopped or killed at any time, and the same command goes on. A file is known by what it holds, whatever
its name. Several processes (--processes), here and on other hosts, can load the same files at once. Exit codes: 0 every line of every
file is loaded or in the quarantine; 5 stopped before; 3 a file or a target that does not fit; 6 too many lines were refused.`,
  examples: [
    ["maskline backfill logins-*.ndjson.gz --sent-at event.time", "an archive; once more after a stop, and it goes on"],
    ["maskline backfill --dry-run 2023.ndjson", "what would be refused"],
    ["maskline backfill --processes auto /data/*.zst", "on every core"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const sentAt = sentAtOf(call);
    if (call.operands.length === 0) throw new MasklineError("usage", "which files?", { next: "maskline backfill FILE..." });
    if (call.has("dry-run")) return rehearse(call, settings, sentAt);
    const share = ProcessShare.of(call);
    if (share !== null) return share.end(loadShare(call, settings, sentAt, share));
    const startedAtMs = performance.now();
    const totals = await loadAll(call, settings, sentAt);
    conclude(call, totals, (performance.now() - startedAtMs) / 1_000);
  },
};

type Totals = Omit<BackfillTotals, "run"> & SeveralTotals;

function sentAtOf(call: Call): SentAt | null {
  const text = call.text("sent-at");
  const sentAt = text === null ? null : parseSentAt(text);
  if (typeof sentAt === "string") throw new MasklineError("usage", `--sent-at ${sentAt}`);
  return sentAt;
}

function requestOf(call: Call, sentAt: SentAt | null): Pick<BackfillRequest, "files" | "changed" | "acceptTokens" | "sentAt"> {
  return { files: call.operands, changed: call.has("changed"), acceptTokens: call.has("accept-tokens"), sentAt };
}

async function loadAll(call: Call, settings: Settings, sentAt: SentAt | null): Promise<Totals> {
  const progress = new FileProgress(call.output, !call.has("quiet") && !call.output.json);
  const onReady = (start: BackfillStart): void => {
    progress.begin(start);
    announce(call.output, start);
  };
  const processes = processCount(call);
  const { report, advanced } = progress;
  if (processes === 1) {
    const share = { index: 0, count: 1 };
    const waiting = (): void => call.output.say("waiting for what other processes are at, or have left within the last seconds");
    return loadFiles(settings, { ...requestOf(call, sentAt), share, report, advanced, onReady, waiting }, call.stop);
  }
  const merged = new MergedEvents(report);
  const ended = await inProcesses(call, processes, {
    ready: (start) => onReady(start as BackfillStart),
    told: (told) => (told.kind === "event" ? merged.report(told.event) : advanced(told.diskBytes)),
  });
  const totals = ended as readonly BackfillTotals[];
  const [{ files, bytes, loadedBytes, skipped }] = totals as readonly [BackfillTotals];
  return { ...sumTotals(totals), files, bytes, loadedBytes, skipped, isWhole: totals.some(({ isWhole }) => isWhole) };
}

/** One of several processes. */
function loadShare(call: Call, settings: Settings, sentAt: SentAt | null, share: ProcessShare): Promise<BackfillTotals> {
  const { report, advanced, ready: onReady } = share;
  return loadFiles(share.settings(settings), { ...requestOf(call, sentAt), share, report, advanced, onReady }, share.stop);
}

function announce(output: Output, { files, bytes, loadedBytes, skipped }: BackfillStart): void {
  const before = skipped === 0 ? "" : `; ${count(skipped)} of them loaded before, or copies`;
  const part = loadedBytes === 0 ? "" : ` (${size(loadedBytes)} loaded before)`;
  output.say(`${files === 1 ? "one file" : `${count(files)} files`}, ${size(bytes)}${part}${before}`);
}

function conclude({ output, operands }: Call, totals: Totals, seconds: number): void {
  const { received, loaded, duplicate, quarantined, returned, skipped, isWhole } = totals;
  const account = `${count(received)} lines = ${count(loaded)} loaded + ${count(duplicate)} duplicate + ${count(quarantined)} quarantined + ${count(returned)} returned`;
  if (!isWhole) {
    throw new MasklineError("backfill_unfinished", `stopped before all was loaded: ${account}`, {
      next: "run the same command again to go on; no line is loaded twice",
    });
  }
  if (output.json) return output.document({ ...totals, seconds: Number(seconds.toFixed(3)) });
  output.say(`${account}, in ${count(Number(seconds.toFixed(1)))} s`);
  if (skipped > 0)
    output.say(`${count(skipped)} of ${count(operands.length)} files were skipped: loaded before, or copies of others`);
  if (quarantined > 0) output.say("next: maskline quarantine list");
}

async function rehearse(call: Call, settings: Settings, sentAt: SentAt | null): Promise<void> {
  const { output } = call;
  const progress = new FileProgress(output, !call.has("quiet") && !output.json);
  const found = await rehearseBackfill(
    settings,
    {
      ...requestOf(call, sentAt),
      report: progress.report,
      advanced: progress.advanced,
      onReady: (start) => {
        progress.begin(start);
        announce(output, start);
      },
    },
    call.stop,
  );
  if (output.json) return output.document({ dryRun: true, ...found });
  for (const line of refusals(found)) output.data(line);
  output.say(`${count(found.lines)} lines: ${count(found.fit)} fit the contract, ${count(found.refused)} would be refused`);
  output.say("nothing was loaded; what the table itself refuses shows only in a load");
}

function refusals({ reasons }: BackfillRehearsal): readonly string[] {
  if (reasons.length === 0) return [];
  return formatTable(
    [
      { title: "lines", value: ({ lines }) => lines },
      { title: "reason", value: ({ reason }) => reason },
      { title: "field", value: ({ path }) => path },
      { title: "first at", value: ({ first }) => first },
    ],
    reasons,
  );
}
