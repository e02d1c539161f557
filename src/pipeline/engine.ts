import { Breaker } from "./breaker.ts";
import { atMost, untilAborted } from "./deadline.ts";
import { Allowance, Lane, type LaneWork } from "./lane.ts";
import { Outage } from "./outage.ts";
import { addCounts, type Counts, noCounts, type PipelineEvent } from "./report.ts";

export interface EngineOptions extends Omit<LaneWork, "allowance" | "breaker" | "sourceOutage" | "stop" | "halt"> {
  readonly lanes: number;
  /** Stop after this many deliveries; Infinity to go on until the source ends or `stop` is aborted. */
  readonly maxMessages: number;
  /** After the wish to end, what is in work is given up after this time. */
  readonly patienceMs: number;
  /** Goes on beside the lanes until `ended`, and is not waited for much longer; when it fails, the run ends as when a lane fails. */
  readonly beside?: (ended: AbortSignal) => Promise<void>;
}

/** What a run did. received = loaded + duplicate + quarantined + returned. */
export interface RunTotals extends Counts {
  readonly run: string;
  readonly received: number;
}

/** What goes on beside the lanes may finish what it is at, but a server that says nothing any more does not hold up the end. */
const besideGraceMs = 2_000;

/**
 * Runs the lanes until the source has no more, the allowance is used up, or `stop` is aborted: then each lane finishes the batch in
 * its hands. A lane that fails stops the others in the same order; its failure is thrown when all have ended.
 */
export async function runPipeline(options: EngineOptions, stop: AbortSignal): Promise<RunTotals> {
  const { clock, sink } = options;
  const failing = new AbortController();
  const anyStop = AbortSignal.any([stop, failing.signal]);
  const ended = new AbortController();
  const halt = new AbortController();
  let counts: Counts = noCounts;
  let received = 0;
  const report = (event: PipelineEvent): void => {
    if (event.kind === "received") received += event.messages;
    if (event.kind === "settled") counts = addCounts(counts, event.counts);
    options.report(event);
  };
  const work: LaneWork = {
    ...options,
    report,
    allowance: new Allowance(options.maxMessages),
    breaker: new Breaker(() => sink.probe(), clock, report, AbortSignal.any([anyStop, ended.signal])),
    sourceOutage: new Outage("source", clock, report),
    stop: anyStop,
    halt: halt.signal,
  };
  const fail = (error: unknown): never => {
    failing.abort();
    throw error;
  };
  void untilAborted(anyStop, ended.signal)
    .then(() => clock.sleep(options.patienceMs, ended.signal))
    .then(() => halt.abort());
  const beside = Promise.allSettled([options.beside?.(ended.signal).catch(fail)]);
  const lanes = await Promise.allSettled(
    Array.from({ length: options.lanes }, (_, lane) => new Lane(work, lane).run().catch(fail)),
  );
  ended.abort();
  const besides = await atMost(besideGraceMs, beside, clock);
  for (const part of [...lanes, ...(besides ?? [])]) {
    if (part.status === "rejected") throw part.reason;
  }
  return { run: options.run, received, ...counts };
}
