import { Allowance, type LaneWork, runLane } from "./lane.ts";
import { addCounts, type Counts, noCounts, type PipelineEvent } from "./report.ts";

export interface EngineOptions extends Omit<LaneWork, "allowance"> {
  readonly lanes: number;
  /** Stop after this many deliveries; Infinity to go on until the source ends or `stop` is aborted. */
  readonly maxMessages: number;
}

/** What a run did. received = loaded + duplicate + quarantined + returned. */
export interface RunTotals extends Counts {
  readonly run: string;
  readonly received: number;
}

/**
 * Runs the lanes until the source has no more, the allowance is used up, or `stop` is aborted: then each lane finishes the batch in
 * its hands. A lane that fails stops the others in the same order; its failure is thrown when all have ended.
 */
export async function runPipeline(options: EngineOptions, stop: AbortSignal): Promise<RunTotals> {
  const failing = new AbortController();
  const anyStop = AbortSignal.any([stop, failing.signal]);
  let counts: Counts = noCounts;
  let received = 0;
  const report = (event: PipelineEvent): void => {
    if (event.kind === "received") received += event.messages;
    if (event.kind === "settled") counts = addCounts(counts, event.counts);
    options.report(event);
  };
  const work: LaneWork = { ...options, report, allowance: new Allowance(options.maxMessages) };
  const lanes = Array.from({ length: options.lanes }, (_, lane) =>
    runLane(work, lane, anyStop).catch((error: unknown) => {
      failing.abort();
      throw error;
    }),
  );
  for (const lane of await Promise.allSettled(lanes)) {
    if (lane.status === "rejected") throw lane.reason;
  }
  return { run: options.run, received, ...counts };
}
