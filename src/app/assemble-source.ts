import type { Clock } from "../pipeline/clock.ts";
import type { Report } from "../pipeline/report.ts";
import { DrainRule } from "../sources/sqs/drain-rule.ts";
import { Glimpse } from "../sources/sqs/glimpse.ts";
import type { SqsOptions } from "../sources/sqs/options.ts";
import { Queue, type QueueFacts } from "../sources/sqs/queue.ts";
import { SqsSource } from "../sources/sqs/source.ts";
import { missingOption, type Settings } from "./config/load.ts";

/** A batch closes when its bodies come to this, or to a quarter of what may be held: lanes at work and the next batch fit beside it. */
const mostBatchBytes = 16 * 1_048_576;
/** SQS answers within a second; a long poll has its waiting time on top. */
const timeoutMs = 10_000;

/** `source.sqs`. @throws MasklineError `config_invalid` when it is left out */
export function sqsOf(settings: Settings): SqsOptions {
  const options = settings.options.source?.sqs;
  if (options === undefined) throw missingOption(settings, "source.sqs");
  return options;
}

export function openQueue(settings: Settings): Queue {
  const { queue, region, protocol, transport } = sqsOf(settings);
  return new Queue({ url: queue, region: region ?? null, protocol, transport, timeoutMs });
}

export interface DrainWish {
  /** null for the safe time. */
  readonly idleMs: number | null;
}

export function openSource(
  settings: Settings,
  queue: Queue,
  facts: QueueFacts,
  drain: DrainWish | null,
  clock: Clock,
  report: Report,
): SqsSource {
  const sqs = sqsOf(settings);
  const { run, limits } = settings.options;
  return new SqsSource(
    queue,
    {
      facts,
      parallelCalls: sqs.parallel_calls,
      waitSeconds: sqs.wait_seconds,
      batchBytes: Math.min(mostBatchBytes, limits.held_bytes / 4),
      heldBytes: limits.held_bytes,
      holdMs: run.hold_seconds * 1_000,
      lingerMs: run.linger_ms,
      withAttributes: wantsAttributes(settings),
      drain: drain === null ? null : new DrainRule(facts, drain.idleMs, clock.elapsed()),
    },
    clock,
    report,
  );
}

/** Up to so many messages, received once to be looked at. */
export async function openGlimpse(
  settings: Settings,
  queue: Queue,
  { visibilityTimeoutMs }: QueueFacts,
  mostMessages: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Glimpse> {
  const { wait_seconds: waitSeconds } = sqsOf(settings);
  const withAttributes = wantsAttributes(settings);
  return Glimpse.take(queue, { mostMessages, waitSeconds, withAttributes, visibilityMs: visibilityTimeoutMs }, clock, signal);
}

function wantsAttributes({ contract: { columns, identity = "" } }: Settings): boolean {
  return [identity, ...columns.map(({ from }) => from)].some((from) => from.startsWith("$attributes."));
}
