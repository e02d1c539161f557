import { parentPort, workerData } from "node:worker_threads";

import { loadSettings } from "../../../src/app/config/load.ts";
import { addCounts, type Counts, noCounts } from "../../../src/pipeline/report.ts";
import { connect } from "../../harness/login-table.ts";
import { anyBody, bodyForTheTable, draw } from "./bodies.ts";
import { FuzzedLoad } from "./fuzzed-load.ts";

/** What the thread is started with. */
export interface FuzzWork {
  readonly file: string;
  readonly databaseUrl: string;
  readonly batches: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** What it tells: that a batch begins, that all are done, or what went wrong. */
export type FuzzNews =
  | { readonly kind: "begins"; readonly seed: number }
  | { readonly kind: "done"; readonly counts: Counts; readonly slowestMs: number }
  | { readonly kind: "failed"; readonly seed: number; readonly error: string; readonly body: string | null };

/** Of so many batches one has rows that the database refuses: finding them costs far more than a batch. */
const tableRefusesEvery = 25;
const refusedByTable = 2;

async function fuzz({ file, databaseUrl, batches, batchSize, seed }: FuzzWork, tell: (news: FuzzNews) => void): Promise<void> {
  const database = connect(databaseUrl);
  const load = await FuzzedLoad.open(loadSettings({ file, environment: {}, overrides: [] }), database);
  let counts = noCounts;
  let slowestMs = 0;
  for (let batch = 0; batch < batches; batch += 1) {
    const batchSeed = (seed + batch) | 0;
    tell({ kind: "begins", seed: batchSeed });
    const forTable = batch % tableRefusesEvery === 0 ? draw(bodyForTheTable, refusedByTable, batchSeed) : [];
    const bodies = [...draw(anyBody, batchSize - forTable.length, batchSeed), ...forTable];
    const startedAtMs = performance.now();
    try {
      counts = addCounts(counts, await load.load(bodies));
    } catch (error) {
      tell({ kind: "failed", seed: batchSeed, error: inWords(error), body: await firstAtFault(load, bodies) });
      return;
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAtMs);
  }
  await load.close(counts);
  await database.close();
  tell({ kind: "done", counts, slowestMs });
}

/** The first body that fails by itself; null where only the batch does. The bodies are made up, so one may be shown. */
async function firstAtFault(load: FuzzedLoad, bodies: readonly string[]): Promise<string | null> {
  for (const body of bodies) {
    try {
      await load.load([body]);
    } catch {
      return body;
    }
  }
  return null;
}

function inWords(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- between threads there are no origins
await fuzz(workerData as FuzzWork, (news) => parentPort?.postMessage(news));
