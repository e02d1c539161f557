import type { Clock } from "../../pipeline/clock.ts";
import type { Delivery } from "../../pipeline/ports.ts";
import { readMessage } from "./message.ts";
import type { Queue } from "./queue.ts";
import { callSize } from "./tens.ts";

export interface GlimpseOptions {
  readonly mostMessages: number;
  /** How long to wait for the first one, 1 to 20. */
  readonly waitSeconds: number;
  readonly withAttributes: boolean;
  readonly visibilityMs: number;
}

/** A server that is asked without waiting looks into some of its parts only. */
const furtherWaitSeconds = 1;

/**
 * Messages that are received to be looked at, and given back: once each, and no other. A source receives ahead of its lanes; here that
 * would cost messages a receive which nobody looks at. Nothing is extended: what is looked at for longer than the visibility timeout is
 * with others again.
 */
export class Glimpse {
  readonly #queue: Queue;
  readonly #clock: Clock;
  readonly #visibilityMs: number;
  readonly #held = new Map<string, { readonly delivery: Delivery; readonly untilMs: number }>();

  private constructor(queue: Queue, clock: Clock, visibilityMs: number) {
    this.#queue = queue;
    this.#clock = clock;
    this.#visibilityMs = visibilityMs;
  }

  /** Receives until there are enough, or a call brings nothing. What was received is given back when a call fails. */
  static async take(queue: Queue, options: GlimpseOptions, clock: Clock, signal: AbortSignal): Promise<Glimpse> {
    const glimpse = new Glimpse(queue, clock, options.visibilityMs);
    try {
      await glimpse.#fill(options, signal);
      return glimpse;
    } catch (error) {
      await glimpse.giveBack();
      throw error;
    }
  }

  /** In the order in which they came. */
  get deliveries(): readonly Delivery[] {
    return [...this.#held.values()].map(({ delivery }) => delivery);
  }

  /**
   * Makes all visible again. Answers with how many could not be: they come back when their visibility timeout is over. A handle whose
   * time is over is let alone: the message may be in someone's hands.
   */
  async giveBack(): Promise<number> {
    const nowMs = this.#clock.elapsed();
    const ours = [...this.#held.values()].filter(({ untilMs }) => untilMs > nowMs).map(({ delivery }) => delivery);
    this.#held.clear();
    let failed = 0;
    for (let start = 0; start < ours.length; start += callSize) {
      const ten = ours.slice(start, start + callSize).map(({ handle }) => ({ handle, seconds: 0 }));
      failed += await this.#queue.changeVisibility(ten).then(
        ({ length }) => length,
        () => ten.length,
      );
    }
    return failed;
  }

  async #fill({ mostMessages, waitSeconds, withAttributes }: GlimpseOptions, signal: AbortSignal): Promise<void> {
    for (let known = -1; this.#held.size > known && this.#held.size < mostMessages && !signal.aborted;) {
      known = this.#held.size;
      const limit = Math.min(callSize, mostMessages - known);
      const wait = known === 0 ? waitSeconds : furtherWaitSeconds;
      const messages = await this.#queue.receive({ limit, waitSeconds: wait, withAttributes }, signal);
      const untilMs = this.#clock.elapsed() + this.#visibilityMs;
      for (const message of messages) {
        const delivery = readMessage(message, this.#clock.now());
        this.#held.set(delivery.id, { delivery, untilMs });
      }
    }
  }
}
