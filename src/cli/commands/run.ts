import { placedMasks } from "../../app/config/configured-column.ts";
import type { Settings } from "../../app/config/load.ts";
import { type RunStart, run as runPipeline } from "../../app/run.ts";
import { MasklineError } from "../../errors.ts";
import { maskFacts } from "../../masks/mask.ts";
import type { RunTotals } from "../../pipeline/engine.ts";
import type { PipelineEvent } from "../../pipeline/report.ts";
import { type Call, type Command, configFlags, type Flag } from "../command.ts";
import { MergedEvents, type SeveralTotals, sumTotals } from "../merged-runs.ts";
import type { Output } from "../output.ts";
import { ProcessShare } from "../process-share.ts";
import { inProcesses, processCount, processFlags } from "../processes.ts";
import { RunProgress } from "../progress.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

/** When a run ends by itself. */
export const endFlags: Readonly<Record<string, Flag>> = {
  idle: {
    value: "TIME",
    doc: "of a drain: how long it must stay empty (default: the queue's visibility timeout + 5 s, at least 30 s)",
  },
  "max-messages": { value: "N", doc: "stop after so many messages" },
  "max-duration": { value: "TIME", doc: "stop after this time, in order (a drain then ends with exit code 5)" },
};

export const run: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    drain: { doc: "stop when the queue has stayed empty and nothing is in flight or delayed" },
    ...endFlags,
    ...processFlags,
  },
  about: `A message is deleted only after the transaction that holds its row, its receipt and its ledger entry is committed. Interrupt it
at any time: what is not settled comes again. Run as many as you like on one queue; --processes starts several on this machine, each with
its own entry in the ledger, that stop together, and together when one fails.`,
  examples: [
    ["maskline run", "until stopped (Ctrl-C or SIGTERM)"],
    ["maskline run --drain", "empty the queue, then end; for cron and Airflow"],
    ["maskline run --drain --idle 10s --max-duration 15m", "with bounds"],
  ],
  async run(call) {
    const drain = call.has("drain");
    if (call.text("idle") !== null && !drain) throw new MasklineError("usage", "--idle goes with --drain");
    await runAndTell(call, settingsOf(call), drain);
  },
};

/** What the command line asks of a run. */
interface Asked {
  readonly drain: boolean;
  readonly idleMs: number | null;
  readonly maxMessages: number | null;
}

/** A run as a command: says what is worth a warning, shows how it goes on, and ends with its account. Reads `endFlags`. */
export async function runAndTell(call: Call, settings: Settings, drain: boolean): Promise<void> {
  const asked: Asked = { drain, idleMs: call.durationMs("idle"), maxMessages: call.number("max-messages", 1) };
  const share = ProcessShare.of(call);
  if (share !== null) return share.end(runShare(call, share.settings(settings), asked, share));
  warnOf(call, settings);
  const stop = stopSignal(call, call.stop);
  const startedAtMs = performance.now();
  const totals = await runAll(call, settings, asked, stop);
  if (drain && stop.aborted) {
    throw new MasklineError(
      "drain_unfinished",
      `the drain was stopped before the queue was known to be empty: ${account(totals)}`,
      {
        next: "run it again; nothing is lost",
      },
    );
  }
  conclude(call.output, totals, (performance.now() - startedAtMs) / 1_000, settings.options.run.refused === "drop");
}

async function runAll(call: Call, settings: Settings, asked: Asked, stop: AbortSignal): Promise<SeveralTotals> {
  const progress = new RunProgress(call.output, asked.maxMessages);
  const report = (event: PipelineEvent): void => progress.report(event);
  const onReady = (start: RunStart): void => announce(call.output, start, asked);
  const processes = processCount(call);
  if (processes === 1)
    return runPipeline(settings, { ...asked, maxMessages: asked.maxMessages ?? Infinity, report, onReady }, stop);
  const merged = new MergedEvents(report);
  const totals = await inProcesses(call, processes, {
    ready: (start) => onReady(start as RunStart),
    told: (told) => told.kind === "event" && merged.report(told.event),
  });
  return sumTotals(totals as readonly RunTotals[]);
}

/** One of several processes. */
function runShare(call: Call, settings: Settings, asked: Asked, share: ProcessShare): Promise<RunTotals> {
  const maxMessages = asked.maxMessages === null ? Infinity : share.partOf(asked.maxMessages);
  const request = { ...asked, maxMessages, report: share.report, onReady: share.ready };
  return runPipeline(settings, request, stopSignal(call, share.stop));
}

function warnOf({ output }: Call, settings: Settings): void {
  if (settings.options.run.refused === "drop")
    output.say(`${output.style("yellow", "warning:")} refused messages are dropped: counted as quarantined, and no body is kept`);
  for (const { place, mask } of settings.columns.flatMap(placedMasks)) {
    if (!maskFacts[mask.kind].insecure) continue;
    output.say(
      `${output.style("yellow", "warning:")} ${place} is hashed without a key: whoever reads the table can try out its values`,
    );
  }
}

function stopSignal(call: Call, stop: AbortSignal): AbortSignal {
  const limitMs = call.durationMs("max-duration");
  return limitMs === null ? stop : AbortSignal.any([stop, AbortSignal.timeout(limitMs)]);
}

function announce(output: Output, { facts, protocol, safeIdleMs }: RunStart, { drain, idleMs }: Asked): void {
  output.say(
    `queue: about ${count(facts.visible)} visible, ${count(facts.inFlight)} in flight, ${count(facts.delayed)} delayed (${protocol} protocol)`,
  );
  if (!drain) return;
  output.say(`draining: ends when the queue has stayed empty for ${count((idleMs ?? safeIdleMs) / 1_000)} s`);
  if (idleMs !== null && idleMs < safeIdleMs) {
    output.say(
      `note: a message that someone received and did not delete can stay hidden for ${count(facts.visibilityTimeoutMs / 1_000)} s, longer than --idle`,
    );
  }
}

function account({ received, loaded, duplicate, quarantined, returned }: SeveralTotals): string {
  return `${count(received)} received = ${count(loaded)} loaded + ${count(duplicate)} duplicate + ${count(quarantined)} quarantined + ${count(returned)} returned`;
}

function conclude(output: Output, totals: SeveralTotals, seconds: number, drops: boolean): void {
  if (output.json) return output.document({ ...totals, seconds: Number(seconds.toFixed(3)) });
  output.say(`${account(totals)}, in ${count(seconds)} s`);
  if (totals.quarantined > 0 && !drops) output.say("next: maskline quarantine list");
}
