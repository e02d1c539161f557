import type { ErrorCode } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { Report } from "./report.ts";

/** Pauses between two tries grow up to this, so that work is at full speed again within seconds after an outage. */
const longestPauseMs = 5_000;
const firstPauseMs = 100;
/** An end that goes away again so soon is not tried as often as at first. */
const steadyAfterMs = 10_000;

/** Whether one of the two ends of the pipeline is away, and since when. Told once when it begins and once when it is over. */
export class Outage {
  readonly #of: "sink" | "source";
  readonly #clock: Clock;
  readonly #report: Report;
  #sinceMs: number | null = null;
  #endedAtMs = -Infinity;
  #tries = 0;

  constructor(of: "sink" | "source", clock: Clock, report: Report) {
    this.#of = of;
    this.#clock = clock;
    this.#report = report;
  }

  begin(code: ErrorCode): void {
    if (this.#sinceMs !== null) return;
    this.#sinceMs = this.#clock.elapsed();
    if (this.#sinceMs - this.#endedAtMs > steadyAfterMs) this.#tries = 0;
    this.#report({ kind: "outage", of: this.#of, code });
  }

  end(): void {
    if (this.#sinceMs === null) return;
    this.#endedAtMs = this.#clock.elapsed();
    this.#report({ kind: "recovered", of: this.#of, afterMs: this.#endedAtMs - this.#sinceMs });
    this.#sinceMs = null;
  }

  /** Waits before the next try: longer each time, and not at the same moment as others who wait. */
  async pause(stop: AbortSignal): Promise<void> {
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#tries);
    this.#tries += 1;
    await this.#clock.sleep(pauseMs * (0.5 + this.#clock.random() / 2), stop);
  }
}
