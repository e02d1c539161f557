import type { QueueFacts } from "./queue.ts";

const shortestIdleMs = 30_000;
const visibilityMarginMs = 5_000;

/** How long a queue must stay empty before it counts as drained: longer than a message can hide after a failed receive. */
export function safeIdleMs(facts: Pick<QueueFacts, "visibilityTimeoutMs">): number {
  return Math.max(shortestIdleMs, facts.visibilityTimeoutMs + visibilityMarginMs);
}

/**
 * Says when a drain is done: the queue has stayed empty for the idle time, and (unless the user asked for a fixed idle time) nothing is
 * in flight or delayed. Never on depth alone: depths are approximate, and a message in flight may come back.
 */
export class DrainRule {
  readonly #idleMs: number;
  readonly #idleIsEnough: boolean;
  #lastMessagesAtMs: number;

  /** @param askedIdleMs the user's `--idle`, or null for the safe time */
  constructor(facts: QueueFacts, askedIdleMs: number | null, nowMs: number) {
    this.#idleMs = askedIdleMs ?? safeIdleMs(facts);
    this.#idleIsEnough = askedIdleMs !== null;
    this.#lastMessagesAtMs = nowMs;
  }

  sawMessages(nowMs: number): void {
    this.#lastMessagesAtMs = nowMs;
  }

  /** A long poll must not outlast the idle time. At least 1 s: a short poll asks only some of the queue's servers. */
  longestWaitSeconds(nowMs: number): number {
    return Math.max(1, Math.min(20, Math.ceil((this.#lastMessagesAtMs + this.#idleMs - nowMs) / 1_000)));
  }

  async isEmpty(nowMs: number, facts: () => Promise<QueueFacts>): Promise<boolean> {
    if (nowMs - this.#lastMessagesAtMs < this.#idleMs) return false;
    if (this.#idleIsEnough) return true;
    const { visible, inFlight, delayed } = await facts();
    if (visible === 0 && inFlight === 0 && delayed === 0) return true;
    // what someone holds may come back: the queue must then stay empty for the whole time again
    this.#lastMessagesAtMs = nowMs;
    return false;
  }
}
