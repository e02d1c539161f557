import { MasklineError } from "../errors.ts";
import type { Clock } from "../pipeline/clock.ts";

/**
 * The outcome of `work`, or a failure when it has not ended so long after `stop`: a server that says nothing any more must not keep
 * a process from its end.
 * @throws MasklineError `interrupted`
 */
export async function endsInTime<T>(work: Promise<T>, stop: AbortSignal, withinMs: number, clock: Clock): Promise<T> {
  const ended = new AbortController();
  const late = new Promise<never>((_, reject) => {
    const count = async (): Promise<void> => {
      await clock.sleep(withinMs, ended.signal);
      if (ended.signal.aborted) return;
      reject(
        new MasklineError("interrupted", `stopped ${withinMs / 1_000} s after it was asked to, with work in its hands`, {
          next: "nothing is lost: what was not settled comes again. run.stop_seconds sets the time",
        }),
      );
    };
    if (stop.aborted) void count();
    else stop.addEventListener("abort", () => void count(), { once: true, signal: ended.signal });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    ended.abort();
  }
}

/** Waits for `work`, but no longer than this: for what is good to do at the end, and not needed. */
export async function atMost(waitMs: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  const ended = new AbortController();
  await Promise.race([work.finally(() => ended.abort()), clock.sleep(waitMs, ended.signal)]);
  ended.abort();
}
