import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

import type { Clock } from "../../../src/pipeline/clock.ts";
import type { Advance, Delivery, Outcome, Settlement } from "../../../src/pipeline/ports.ts";
import { type InputFile, inspectFile } from "../../../src/sources/files/input-file.ts";
import type { LineReading } from "../../../src/sources/files/line.ts";
import { FileSource } from "../../../src/sources/files/source.ts";
import { Work, type WorkOptions } from "../../../src/sources/files/work.ts";
import { MemoryPositions } from "../../harness/memory-positions.ts";

export const neverStops: AbortSignal = new AbortController().signal;
export const stillClock: Clock = { now: () => 7, elapsed: () => 0, random: () => 0.5, sleep: async () => {} };
export const reading: LineReading = { mostBytes: 1_048_576, sentAt: () => null };

/** A folder for a test's files, gone when it ends. */
export function folderOf(t: Pick<TestContext, "after">): string {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-files-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function given(folder: string, name: string, contents: string | Buffer, blockBytes?: number): Promise<InputFile> {
  const file = path.join(folder, name);
  writeFileSync(file, contents);
  return inspectFile(file, blockBytes);
}

export interface Opened {
  readonly source: FileSource;
  readonly work: Work;
  readonly positions: MemoryPositions;
}

export function openFiles(
  files: readonly InputFile[],
  parts: Partial<Omit<WorkOptions, "positions">> & {
    readonly positions?: MemoryPositions;
    readonly batchBytes?: number;
    readonly inLoad?: boolean;
    readonly advanced?: (diskBytes: number) => void;
  } = {},
): Opened {
  const { positions = new MemoryPositions(), batchBytes = Infinity, inLoad = true, advanced = () => {}, ...others } = parts;
  const clock = others.clock ?? stillClock;
  const work = new Work({
    files: files.map((file) => ({ file, known: new Map() })),
    reading,
    startAt: 0,
    ...others,
    clock,
    positions,
  });
  return { work, positions, source: new FileSource({ work, positions, batchBytes, inLoad, advanced, clock }) };
}

export function settled(batch: readonly Delivery[], outcome: Outcome = "loaded"): readonly Settlement[] {
  return batch.map((delivery) => ({ delivery, outcome }));
}

/** A line as it was handed out, read before its batch is settled. */
export type ReadLine = Pick<Delivery, "id" | "body" | "attempt">;

/**
 * Loads all there is as a lane does, each batch with its step; what comes second is returned.
 * @param makeStep whether a step could be made
 * @param loaded where lines are added, also when it fails on the way
 */
export async function loadAll(
  { source, positions }: Opened,
  limit: number = 10,
  makeStep: (step: Advance) => boolean = (step) => positions.move(step),
  loaded: ReadLine[] = [],
): Promise<readonly ReadLine[]> {
  for (;;) {
    const batch = await source.receive(limit, neverStops);
    if (batch === null) return loaded;
    const step = source.advanceOf(batch);
    if (step === undefined || makeStep(step)) {
      loaded.push(...batch.map(({ id, body, attempt }) => ({ id, body, attempt })));
      await source.settle(settled(batch));
    } else await source.settle(settled(batch, "returned"));
  }
}
