import { randomUUID } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import { atMost, endsInTime } from "../pipeline/deadline.ts";
import { runPipeline, type RunTotals } from "../pipeline/engine.ts";
import type { Sink } from "../pipeline/ports.ts";
import { noCounts, type Report } from "../pipeline/report.ts";
import type { Database } from "../postgres/database.ts";
import { registerPipeline } from "../postgres/pipelines.ts";
import type { SentAt } from "../sources/files/sent-at.ts";
import { FileSource } from "../sources/files/source.ts";
import { withoutUnreadable } from "../sources/files/unreadable.ts";
import { abandonedAfterMs, Work } from "../sources/files/work.ts";
import { askedAtStart } from "./asked-at-start.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openDatabase, openSink, postgresOf } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";
import { lineBatchBytes, lineReading, requireOfLines } from "./file-lines.ts";
import { FilePositions } from "./file-positions.ts";
import { type GivenFiles, inspectFiles, openFiles } from "./given-files.ts";
import { LiveMasks } from "./live-masks.ts";
import { createMasks } from "./masks.ts";
import { systemClock } from "./system-clock.ts";

export interface BackfillRequest {
  readonly files: readonly string[];
  /** Other contents under a known name are meant. */
  readonly changed: boolean;
  readonly acceptTokens: boolean;
  readonly sentAt: SentAt | null;
  /** Which of how many processes of one command this is: they begin at different places. */
  readonly share: { readonly index: number; readonly count: number };
  readonly report: Report;
  /** So many bytes of the files, as they lie there, have been loaded. */
  readonly advanced: (diskBytes: number) => void;
  /** Called when everything is checked, before the first line is read. */
  readonly onReady: (start: BackfillStart) => void;
  /** Nothing is left but parts that other processes are at. Told once. */
  readonly waiting?: () => void;
  /** Left out: the usual one. */
  readonly blockBytes?: number;
  /** Stands between the pipeline and the sink; tests use it to break what they must find broken. */
  readonly wrapSink?: (sink: Sink) => Sink;
}

/** What is known before the first line. */
export interface BackfillStart extends Omit<GivenFiles, "work"> {
  readonly files: number;
}

export interface BackfillTotals extends RunTotals, BackfillStart {
  /** Every line of every file is in the sink, whoever brought it there. */
  readonly isWhole: boolean;
}

/** As in run.ts. */
const patience = 0.6;
const farewellMs = 3_000;

/**
 * Loads the lines of files through the pipeline of a configuration, each exactly once: what was loaded before is left out.
 * @throws MasklineError `interrupted` when it has not ended `run.stop_seconds` after `stop`
 */
export async function backfill(settings: Settings, request: BackfillRequest, stop: AbortSignal): Promise<BackfillTotals> {
  return endsInTime(backfillToEnd(settings, request, stop), stop, settings.options.run.stop_seconds * 1_000, systemClock);
}

async function backfillToEnd(settings: Settings, request: BackfillRequest, stop: AbortSignal): Promise<BackfillTotals> {
  requireOfLines(settings, request.sentAt);
  const inspected = await inspectFiles(request.files, request.blockBytes);
  selfTest();
  await sealingSelfTest();
  const { starting, running } = askedAtStart(settings);
  const ring = await openKeyRing(starting);
  const masked = createMasks(settings.columns, ring);
  const database = openDatabase(settings);
  const run = randomUUID();
  const { report, acceptTokens } = request;
  let live: LiveMasks | null = null;
  let source: FileSource | null = null;
  try {
    const sink = await openSink(settings, ring, masked, database);
    const openRing = (): ReturnType<typeof openKeyRing> => openKeyRing(running());
    const parts = { settings, database, run, report, clock: systemClock, stop, openRing, acceptTokens };
    const masks = await LiveMasks.open(parts, ring, masked);
    live = masks;
    const { given, ...opened } = await openWork(settings, request, database, inspected);
    source = opened.source;
    const start: BackfillStart = {
      files: inspected.length,
      bytes: given.bytes,
      loadedBytes: given.loadedBytes,
      skipped: given.skipped,
    };
    request.onReady(start);
    const { lanes, hold_seconds, stop_seconds } = settings.options.run;
    const totals = await runPipeline(
      {
        run,
        source,
        sink: request.wrapSink?.(sink) ?? sink,
        prepare: withoutUnreadable(masks.prepare),
        renewKeys: masks.renew,
        beside: (ended) => masks.follow(ended),
        openSeal: masks.openSeal,
        batchRows: settings.options.backfill.batch_rows,
        holdMs: hold_seconds * 1_000,
        holdGroups: false,
        lanes,
        patienceMs: stop_seconds * 1_000 * patience,
        maxMessages: Infinity,
        clock: systemClock,
        report,
      },
      stop,
    );
    return { ...totals, ...start, isWhole: source.isWhole };
  } catch (error) {
    // the wish to end came before the first line
    const early = source === null && stop.aborted && error instanceof MasklineError && error.code === "interrupted";
    if (!early) throw error;
    return { run, received: 0, ...noCounts, files: inspected.length, bytes: 0, loadedBytes: 0, skipped: 0, isWhole: false };
  } finally {
    const farewell = Promise.resolve(live?.end()).then(() => database.close());
    await Promise.all([source?.close(), atMost(farewellMs, farewell, systemClock)]);
  }
}

async function openWork(
  settings: Settings,
  request: BackfillRequest,
  database: Database,
  inspected: Parameters<typeof openFiles>[1],
): Promise<{ readonly given: GivenFiles; readonly source: FileSource }> {
  const { schema } = postgresOf(settings);
  const book = { database, schema, pipeline: await registerPipeline(database, schema, settings.pipeline) };
  const given = await openFiles(book, inspected, request.changed);
  const positions = new FilePositions(book);
  const reading = lineReading(settings, request.sentAt);
  const clock = systemClock;
  const startAt = startOf(request, given);
  const work = new Work({ files: given.work, reading, startAt, positions, clock, waiting: () => request.waiting?.() });
  const source = new FileSource({
    work,
    positions,
    batchBytes: lineBatchBytes(settings),
    inLoad: settings.contract.identity === undefined,
    advanced: request.advanced,
    clock,
  });
  return { given, source };
}

/** Siblings share the list out; whoever finds another at work begins anywhere. A process that is alone goes in order. */
function startOf({ share }: BackfillRequest, { work }: GivenFiles): number {
  if (share.count > 1) return share.index / share.count;
  const others = work.some(({ known }) => [...known.values()].some(({ silentMs }) => silentMs < abandonedAfterMs));
  return others ? systemClock.random() : 0;
}
