import { setImmediate as turn } from "node:timers/promises";

import type { Clock } from "../../src/pipeline/clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** A clock that goes on only when told to, from one sleeper's hour to the next. */
export class SteppedClock implements Clock {
  #nowMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.#nowMs;
  }

  elapsed(): number {
    return this.#nowMs;
  }

  /** How many are asleep now. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  random(): number {
    return 0.5;
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        dueMs: this.#nowMs + delayMs,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", sleeper.wake, { once: true });
    });
  }

  /** Lets time pass; what is woken has its turn before the next is. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await turn();
      const [next] = [...this.#sleepers].filter(({ dueMs }) => dueMs <= endMs).sort((one, other) => one.dueMs - other.dueMs);
      if (next === undefined) break;
      this.#nowMs = next.dueMs;
      next.wake();
    }
    this.#nowMs = endMs;
  }
}
