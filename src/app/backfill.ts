import { endsInTime } from "../pipeline/deadline.ts";
import type { RunTotals } from "../pipeline/engine.ts";
import type { Sink } from "../pipeline/ports.ts";
import type { Report } from "../pipeline/report.ts";
import type { Database } from "../postgres/database.ts";
import { registerPipeline } from "../postgres/pipelines.ts";
import type { SentAt } from "../sources/files/sent-at.ts";
import { FileSource } from "../sources/files/source.ts";
import { withoutUnreadable } from "../sources/files/unreadable.ts";
import { abandonedAfterMs, Work } from "../sources/files/work.ts";
import { postgresOf } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";
import { drive } from "./drive.ts";
import { lineBatchBytes, lineReading, requireOfLines } from "./file-lines.ts";
import { FilePositions } from "./file-positions.ts";
import { type GivenFiles, inspectFiles, openFiles } from "./given-files.ts";
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
  const { report, acceptTokens, wrapSink } = request;
  let start: BackfillStart = { files: inspected.length, bytes: 0, loadedBytes: 0, skipped: 0 };
  let isWhole = (): boolean => false;
  const totals = await drive(
    settings,
    {
      report,
      acceptTokens,
      wrapSink,
      async open(database, prepare) {
        const { given, source } = await openWork(settings, request, database, inspected);
        const { bytes, loadedBytes, skipped } = given;
        isWhole = () => source.isWhole;
        start = { files: inspected.length, bytes, loadedBytes, skipped };
        request.onReady(start);
        return {
          source,
          prepare: withoutUnreadable(prepare),
          batchRows: settings.options.backfill.batch_rows,
          holdGroups: false,
          maxMessages: Infinity,
        };
      },
    },
    stop,
  );
  return { ...totals, ...start, isWhole: isWhole() };
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
