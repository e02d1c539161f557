/** Time and chance, handed in so that what depends on them can be tested without waiting. */
export interface Clock {
  /** ms since 1970 UTC: what is written down. It can be set, so nothing is measured with it. */
  now(): number;
  /** ms since some moment, never set back: for durations and deadlines. */
  elapsed(): number;
  /** Resolves after `delayMs`, or at once when `signal` is aborted. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  /** At least 0, below 1. */
  random(): number;
}
