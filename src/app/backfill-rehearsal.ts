import { MasklineError } from "../errors.ts";
import { selfTest } from "../masks/self-test.ts";
import type { Delivery, Refusal, Settlement } from "../pipeline/ports.ts";
import { countOutcomes } from "../pipeline/report.ts";
import { findFiles } from "../postgres/files.ts";
import { findPipeline } from "../postgres/pipelines.ts";
import { FileLine } from "../sources/files/line.ts";
import { FileSource } from "../sources/files/source.ts";
import { withoutUnreadable } from "../sources/files/unreadable.ts";
import { Work } from "../sources/files/work.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openTarget, postgresOf, withDatabase } from "./assemble-sink.ts";
import type { BackfillRequest } from "./backfill.ts";
import { compareKeys } from "./check.ts";
import type { Settings } from "./config/load.ts";
import { lineBatchBytes, lineReading, requireOfLines } from "./file-lines.ts";
import { NoPositions } from "./file-positions.ts";
import { compareFiles, type GivenFiles, inspectFiles, readGiven } from "./given-files.ts";
import { createMasks, preparation } from "./masks.ts";
import { systemClock } from "./system-clock.ts";

/** What a backfill would make of lines, as far as contract and masks say. */
export interface BackfillRehearsal {
  readonly lines: number;
  readonly fit: number;
  readonly refused: number;
  /** By the first fault of each line, the most frequent first. */
  readonly reasons: readonly RefusedLines[];
}

export interface RefusedLines {
  readonly reason: string;
  readonly path: string;
  readonly lines: number;
  /** The first of them: its file, and the byte at which it begins. */
  readonly first: string;
}

export type RehearsalRequest = Omit<BackfillRequest, "share" | "wrapSink">;

/** Checks all that a backfill checks, and puts every line through contract and masks. Writes nothing, and reads what was loaded before, too. */
export async function rehearseBackfill(
  settings: Settings,
  request: RehearsalRequest,
  stop: AbortSignal,
): Promise<BackfillRehearsal> {
  const { sentAt, acceptTokens, changed, advanced } = request;
  requireOfLines(settings, sentAt);
  const inspected = await inspectFiles(request.files, request.blockBytes);
  selfTest();
  const ring = await openKeyRing(settings);
  const masked = createMasks(settings.columns, ring);
  const given = await withDatabase(settings, async (database): Promise<GivenFiles> => {
    await openTarget(settings, masked, database);
    await compareKeys(settings, database, ring);
    const { schema } = postgresOf(settings);
    const pipeline = await findPipeline(database, schema, settings.pipeline);
    if (pipeline === null)
      return { work: [], bytes: inspected.reduce((sum, { bytes }) => sum + bytes, 0), loadedBytes: 0, skipped: 0 };
    const known = await findFiles(database, schema, pipeline, inspected);
    await compareFiles(inspected, known, changed);
    return readGiven({ database, schema, pipeline }, inspected, known);
  });
  request.onReady({ files: inspected.length, bytes: given.bytes, loadedBytes: given.loadedBytes, skipped: given.skipped });
  const positions = new NoPositions();
  const clock = systemClock;
  const files = inspected.map((file) => ({ file, known: new Map() }));
  const work = new Work({ files, reading: lineReading(settings, sentAt), startAt: 0, positions, clock });
  const source = new FileSource({ work, positions, batchBytes: lineBatchBytes(settings), inLoad: true, advanced, clock });
  const inner = preparation(settings, masked, { acceptTokens });
  const prepare = withoutUnreadable((deliveries) => inner.prepare(deliveries));
  const reasons = new RefusalCount();
  let lines = 0;
  try {
    for (;;) {
      const batch = await source.receive(settings.options.backfill.batch_rows, stop);
      if (batch === null) break;
      if (stop.aborted) throw new MasklineError("interrupted", "stopped before all was read; nothing was loaded");
      const { refused } = await prepare(batch);
      lines += batch.length;
      reasons.add(refused);
      const settlements = settle(batch, refused);
      await source.settle(settlements);
      request.report({ kind: "settled", counts: countOutcomes(settlements) });
    }
  } finally {
    await source.close();
  }
  return { lines, fit: lines - reasons.lines, refused: reasons.lines, reasons: reasons.sorted() };
}

function settle(batch: readonly Delivery[], refused: readonly Refusal[]): readonly Settlement[] {
  const bad = new Set(refused.map(({ delivery }) => delivery));
  return batch.map((delivery): Settlement => ({ delivery, outcome: bad.has(delivery) ? "quarantined" : "loaded" }));
}

function placeOf(delivery: Delivery): string {
  return delivery instanceof FileLine ? delivery.place : delivery.id;
}

class RefusalCount {
  readonly #counts = new Map<string, { reason: string; path: string; lines: number; first: string }>();
  lines = 0;

  add(refused: readonly Refusal[]): void {
    for (const { delivery, faults } of refused) {
      const { reason = "mask_failed", path = "" } = faults[0] ?? {};
      const name = JSON.stringify([reason, path]);
      const found = this.#counts.get(name) ?? { reason, path, lines: 0, first: placeOf(delivery) };
      found.lines += 1;
      this.#counts.set(name, found);
      this.lines += 1;
    }
  }

  sorted(): readonly RefusedLines[] {
    return [...this.#counts.values()].sort((left, right) => right.lines - left.lines);
  }
}
