import { randomUUID } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import { atMost, endsInTime } from "../pipeline/deadline.ts";
import { runPipeline, type RunTotals } from "../pipeline/engine.ts";
import type { Sink, Source } from "../pipeline/ports.ts";
import { noCounts, type Report } from "../pipeline/report.ts";
import { safeIdleMs } from "../sources/sqs/drain-rule.ts";
import type { QueueFacts } from "../sources/sqs/queue.ts";
import { askedAtStart } from "./asked-at-start.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openDatabase, openSink } from "./assemble-sink.ts";
import { openQueue, openSource } from "./assemble-source.ts";
import type { Settings } from "./config/load.ts";
import { LiveMasks } from "./live-masks.ts";
import { createMasks } from "./masks.ts";
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

/** Of the time that a stop may take, what is in work may use so much; the rest is for settling and closing. */
const patience = 0.6;
/** A server that says nothing any more is not waited for much longer than the work. */
const farewellMs = 3_000;

/**
 * Runs the pipeline of a configuration: checks first, then receives until `stop`, the limit, or the end of the drain.
 * @throws MasklineError `interrupted` when it has not ended `run.stop_seconds` after `stop`
 */
export async function run(settings: Settings, request: RunRequest, stop: AbortSignal): Promise<RunTotals> {
  return endsInTime(runToEnd(settings, request, stop), stop, settings.options.run.stop_seconds * 1_000, systemClock);
}

async function runToEnd(settings: Settings, request: RunRequest, stop: AbortSignal): Promise<RunTotals> {
  selfTest();
  await sealingSelfTest();
  const { starting, running } = askedAtStart(settings);
  const ring = await openKeyRing(starting);
  const masked = createMasks(settings.columns, ring);
  const database = openDatabase(settings);
  const queue = openQueue(settings);
  const runId = randomUUID();
  const options = settings.options.run;
  let live: LiveMasks | null = null;
  let source: Source | null = null;
  try {
    const sink = await openSink(settings, ring, masked, database);
    const openRing = (): ReturnType<typeof openKeyRing> => openKeyRing(running());
    const { report } = request;
    const masks = await LiveMasks.open(
      { settings, database, run: runId, report, clock: systemClock, stop, openRing },
      ring,
      masked,
    );
    live = masks;
    const facts = await queue.facts(stop);
    request.onReady({ facts, protocol: queue.protocol, safeIdleMs: safeIdleMs(facts) });
    const drain = request.drain ? { idleMs: request.idleMs } : null;
    source = openSource(settings, queue, facts, drain, systemClock, request.report);
    return await runPipeline(
      {
        run: runId,
        source: request.wrapSource?.(source) ?? source,
        sink: request.wrapSink?.(sink) ?? sink,
        prepare: masks.prepare,
        renewKeys: masks.renew,
        beside: async (ended) => {
          await Promise.all([masks.follow(ended), pruneBeside({ settings, database, clock: systemClock, report }, ended)]);
        },
        openSeal: masks.openSeal,
        batchRows: options.batch_rows,
        holdMs: options.hold_seconds * 1_000,
        holdGroups: options.on_refused === "hold",
        lanes: options.lanes,
        patienceMs: options.stop_seconds * 1_000 * patience,
        maxMessages: request.maxMessages,
        clock: systemClock,
        report: request.report,
      },
      stop,
    );
  } catch (error) {
    // the wish to end came before the first receive
    const early = source === null && stop.aborted && error instanceof MasklineError && error.code === "interrupted";
    if (early) return { run: runId, received: 0, ...noCounts };
    throw error;
  } finally {
    const farewell = Promise.resolve(live?.end()).then(() => database.close());
    // side by side: either server may say nothing any more, and the other's part has to be done in time
    await Promise.all([source?.close(), atMost(farewellMs, farewell, systemClock)]);
    queue.close();
  }
}
