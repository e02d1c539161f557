import { randomUUID } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import { atMost } from "../pipeline/deadline.ts";
import { type EngineOptions, runPipeline, type RunTotals } from "../pipeline/engine.ts";
import type { Sink, Source } from "../pipeline/ports.ts";
import { noCounts, type Report } from "../pipeline/report.ts";
import type { Database } from "../postgres/database.ts";
import { askedAtStart } from "./asked-at-start.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openDatabase, openSink } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";
import { LiveMasks } from "./live-masks.ts";
import { createMasks } from "./masks.ts";
import { systemClock } from "./system-clock.ts";

/** What a run has of its own, wherever its deliveries come from. */
export interface Drive {
  readonly report: Report;
  readonly acceptTokens?: boolean;
  /** Stands between the pipeline and the sink; tests use it to break what they must find broken. */
  readonly wrapSink?: ((sink: Sink) => Sink) | undefined;
  /** Opens the source, when all else is open and checked. */
  readonly open: (database: Database, prepare: LiveMasks["prepare"]) => Promise<OpenedSource>;
}

/** Where the deliveries of a run come from, and how they are taken. */
export interface OpenedSource extends Pick<
  EngineOptions,
  "batchRows" | "holdGroups" | "returnRefused" | "maxMessages" | "prepare" | "beside"
> {
  /** Closed at the end. */
  readonly source: Source;
  /** What the pipeline receives from; the source itself when left out. */
  readonly wrapped?: Source | undefined;
}

/** Of the time that a stop may take, what is in work may use so much; the rest is for settling and closing. */
const patience = 0.6;
/** A server that says nothing any more is not waited for much longer than the work. */
const farewellMs = 3_000;

/**
 * Checks, opens what a run needs, runs the pipeline, and closes it all again. A wish to end that comes before the first receive is no
 * failure: nothing was received then.
 */
export async function drive(settings: Settings, work: Drive, stop: AbortSignal): Promise<RunTotals> {
  selfTest();
  await sealingSelfTest();
  const { starting, running } = askedAtStart(settings);
  const ring = await openKeyRing(starting);
  const masked = createMasks(settings.columns, ring);
  const database = openDatabase(settings);
  const run = randomUUID();
  const { report, acceptTokens = false } = work;
  const clock = systemClock;
  let live: LiveMasks | null = null;
  let opened: OpenedSource | null = null;
  try {
    const sink = await openSink(settings, ring, masked, database);
    const openRing = (): ReturnType<typeof openKeyRing> => openKeyRing(running());
    const masks = await LiveMasks.open({ settings, database, run, report, clock, stop, openRing, acceptTokens }, ring, masked);
    live = masks;
    opened = await work.open(database, masks.prepare);
    const { source, wrapped = source, beside, ...taking } = opened;
    const { lanes, hold_seconds, stop_seconds } = settings.options.run;
    return await runPipeline(
      {
        ...taking,
        run,
        source: wrapped,
        sink: work.wrapSink?.(sink) ?? sink,
        renewKeys: masks.renew,
        beside: async (ended) => void (await Promise.all([masks.follow(ended), beside?.(ended)])),
        openSeal: masks.openSeal,
        holdMs: hold_seconds * 1_000,
        lanes,
        patienceMs: stop_seconds * 1_000 * patience,
        clock,
        report,
      },
      stop,
    );
  } catch (error) {
    // the wish to end came before the first receive
    const early = opened === null && stop.aborted && error instanceof MasklineError && error.code === "interrupted";
    if (early) return { run, received: 0, ...noCounts };
    throw error;
  } finally {
    const farewell = Promise.resolve(live?.end()).then(() => database.close());
    // side by side: either server may say nothing any more, and the other's part has to be done in time
    await Promise.all([opened?.source.close(), atMost(farewellMs, farewell, clock)]);
  }
}
