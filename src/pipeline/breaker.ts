import { MasklineError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { untilAborted } from "./deadline.ts";
import { Outage } from "./outage.ts";
import type { Report } from "./report.ts";

/**
 * Keeps the lanes from a sink that is away. Closed: they pass. Open: they wait, and nothing is received. Half open: one probe, which
 * receives nothing and writes nothing, goes ahead of all; when it gets through, they pass again. A probe that is refused for good lets
 * them pass too: the next load meets the same refusal and ends the run with it.
 */
export class Breaker {
  readonly #probe: () => Promise<void>;
  readonly #outage: Outage;
  readonly #ended: AbortSignal;
  #recovery: Promise<void> | null = null;

  /** @param ended nobody waits any more: it stays as it is */
  constructor(probe: () => Promise<void>, clock: Clock, report: Report, ended: AbortSignal) {
    this.#probe = probe;
    this.#outage = new Outage("sink", clock, report);
    this.#ended = ended;
  }

  get isOpen(): boolean {
    return this.#recovery !== null;
  }

  trip(failure: MasklineError): void {
    if (this.#recovery !== null) return;
    this.#outage.begin(failure.code);
    this.#recovery = this.#recover();
  }

  /** Resolves when the lanes may pass, or `signal` is aborted. */
  async passage(signal: AbortSignal): Promise<void> {
    if (this.#recovery === null || signal.aborted) return;
    const over = new AbortController();
    try {
      await Promise.race([this.#recovery, untilAborted(signal, over.signal)]);
    } finally {
      over.abort();
    }
  }

  async #recover(): Promise<void> {
    while (!this.#ended.aborted) {
      await this.#outage.pause(this.#ended);
      try {
        await this.#probe();
        return this.#close();
      } catch (error) {
        if (!(error instanceof MasklineError) || !error.retryable) return this.#close();
      }
    }
  }

  #close(): void {
    this.#recovery = null;
    this.#outage.end();
  }
}
