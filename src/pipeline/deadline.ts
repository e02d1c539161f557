import { MasklineError } from "../errors.ts";
import type { Clock } from "./clock.ts";

/** Resolves when `signal` is aborted; never, once `over` is. */
export function untilAborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true, signal: over });
  });
}

/** The outcome of `work`, or null when it has none by then: for what is good to do at an end, and not needed. */
export async function atMost<T>(waitMs: number, work: Promise<T>, clock: Clock): Promise<T | null> {
  const ended = new AbortController();
  try {
    return await Promise.race([work, clock.sleep(waitMs, ended.signal).then(() => null)]);
  } finally {
    ended.abort();
  }
}

/**
 * The outcome of `work`, or a failure when it has not ended so long after `stop`: a server that says nothing any more must not keep
 * a process from its end.
 * @throws MasklineError `interrupted`
 */
export async function endsInTime<T>(work: Promise<T>, stop: AbortSignal, withinMs: number, clock: Clock): Promise<T> {
  const ended = new AbortController();
  const late = untilAborted(stop, ended.signal)
    .then(() => clock.sleep(withinMs, ended.signal))
    .then((): never => {
      throw new MasklineError("interrupted", `stopped ${withinMs / 1_000} s after it was asked to, with work in its hands`, {
        next: "nothing is lost: what was not settled comes again. run.stop_seconds sets the time",
      });
    });
  try {
    return await Promise.race([work, late]);
  } finally {
    ended.abort();
  }
}
