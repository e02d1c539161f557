import { randomUUID } from "node:crypto";

import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import { runPipeline, type RunTotals } from "../pipeline/engine.ts";
import type { Source } from "../pipeline/ports.ts";
import type { Report } from "../pipeline/report.ts";
import { safeIdleMs } from "../sources/sqs/drain-rule.ts";
import type { QueueFacts } from "../sources/sqs/queue.ts";
import { askedAtStart } from "./asked-at-start.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openDatabase, openSink } from "./assemble-sink.ts";
import { openQueue, openSource } from "./assemble-source.ts";
import type { Settings } from "./config/load.ts";
import { LiveMasks } from "./live-masks.ts";
import { createMasks } from "./masks.ts";
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
}

/** What is known before the first message. Depths are information only, never a reason to stop. */
export interface RunStart {
  readonly facts: QueueFacts;
  readonly protocol: "json" | "query";
  /** How long a queue must stay empty before nothing can be hidden in it. */
  readonly safeIdleMs: number;
}

/** Runs the pipeline of a configuration: checks first, then receives until `stop`, the limit, or the end of the drain. */
export async function run(settings: Settings, request: RunRequest, stop: AbortSignal): Promise<RunTotals> {
  selfTest();
  await sealingSelfTest();
  const { starting, running } = askedAtStart(settings);
  const ring = await openKeyRing(starting);
  const masked = createMasks(settings.columns, ring);
  const database = openDatabase(settings);
  const queue = openQueue(settings);
  const runId = randomUUID();
  let live: LiveMasks | null = null;
  let source: Source | null = null;
  try {
    const sink = await openSink(settings, ring, masked, database);
    const openRing = (): ReturnType<typeof openKeyRing> => openKeyRing(running());
    const { report } = request;
    live = await LiveMasks.open({ settings, database, run: runId, report, clock: systemClock, stop, openRing }, ring, masked);
    const facts = await queue.facts(stop);
    request.onReady({ facts, protocol: queue.protocol, safeIdleMs: safeIdleMs(facts) });
    const drain = request.drain ? { idleMs: request.idleMs } : null;
    source = openSource(settings, queue, facts, drain, systemClock, request.report);
    return await runPipeline(
      {
        run: runId,
        source: request.wrapSource?.(source) ?? source,
        sink,
        prepare: live.prepare,
        renewKeys: live.renew,
        beside: live.follow,
        openSeal: live.openSeal,
        batchRows: settings.options.run.batch_rows,
        lanes: settings.options.run.lanes,
        maxMessages: request.maxMessages,
        clock: systemClock,
        report: request.report,
      },
      stop,
    );
  } finally {
    await source?.close();
    queue.close();
    await live?.end();
    await database.close();
  }
}
