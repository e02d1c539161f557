import { MasklineError } from "../errors.ts";
import { endsInTime } from "../pipeline/deadline.ts";
import type { RunTotals } from "../pipeline/engine.ts";
import type { Sink, Source } from "../pipeline/ports.ts";
import type { Report } from "../pipeline/report.ts";
import { safeIdleMs } from "../sources/sqs/drain-rule.ts";
import type { QueueFacts } from "../sources/sqs/queue.ts";
import { openQueue, openSource } from "./assemble-source.ts";
import type { Settings } from "./config/load.ts";
import { drive } from "./drive.ts";
import { pruneBeside } from "./prune-beside.ts";
import { systemClock } from "./system-clock.ts";

export interface RunRequest {
  /** Stop when the queue has stayed empty. */
  readonly drain: boolean;
  /** How long it must have been empty; null for the safe time. */
  readonly idleMs: number | null;
  /** Infinity for no limit. */
  readonly maxMessages: number;
  readonly report: Report;
  /** Called when everything is checked, before the first receive. */
  readonly onReady: (start: RunStart) => void;
  /** Stands between the source and the pipeline; the demo uses it to show redeliveries. */
  readonly wrapSource?: (source: Source) => Source;
  /** Stands between the pipeline and the sink; tests use it to break what they must find broken. */
  readonly wrapSink?: (sink: Sink) => Sink;
}

/** What is known before the first message. Depths are information only, never a reason to stop. */
export interface RunStart {
  readonly facts: QueueFacts;
  readonly protocol: "json" | "query";
  /** How long a queue must stay empty before nothing can be hidden in it. */
  readonly safeIdleMs: number;
}

/**
 * Runs the pipeline of a configuration: checks first, then receives until `stop`, the limit, or the end of the drain.
 * @throws MasklineError `interrupted` when it has not ended `run.stop_seconds` after `stop`
 */
export async function run(settings: Settings, request: RunRequest, stop: AbortSignal): Promise<RunTotals> {
  return endsInTime(runToEnd(settings, request, stop), stop, settings.options.run.stop_seconds * 1_000, systemClock);
}

async function runToEnd(settings: Settings, request: RunRequest, stop: AbortSignal): Promise<RunTotals> {
  const { report, wrapSink, wrapSource, maxMessages } = request;
  const { batch_rows, on_refused, refused } = settings.options.run;
  const queue = openQueue(settings);
  try {
    return await drive(
      settings,
      {
        report,
        wrapSink,
        async open(database, prepare) {
          const facts = await queue.facts(stop);
          if (refused === "dead-letter") requireDeadLetters(facts, queue.shown);
          request.onReady({ facts, protocol: queue.protocol, safeIdleMs: safeIdleMs(facts) });
          const drain = request.drain ? { idleMs: request.idleMs } : null;
          const source = openSource(settings, queue, facts, drain, systemClock, report);
          return {
            source,
            wrapped: wrapSource?.(source),
            prepare,
            batchRows: batch_rows,
            holdGroups: on_refused === "hold",
            returnRefused: refused === "dead-letter",
            maxMessages,
            beside: (ended) => pruneBeside({ settings, database, clock: systemClock, report }, ended),
          };
        },
      },
      stop,
    );
  } finally {
    queue.close();
  }
}

/** What goes back to a queue that gives up on nothing would come again for ever. */
function requireDeadLetters({ maxReceiveCount }: QueueFacts, shown: string): void {
  if (maxReceiveCount !== null) return;
  throw new MasklineError("queue_unfit", `run.refused is dead-letter, and the queue has no redrive policy (${shown})`, {
    next: "give the queue one, or --set run.refused=quarantine",
  });
}
