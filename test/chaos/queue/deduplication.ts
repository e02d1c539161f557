import type { Clock } from "../../../src/pipeline/clock.ts";

/** FIFO queues take a deduplication id once in five minutes (developer guide, "Exactly-once processing"). */
const windowMs = 300_000;

/** What was answered to a deduplication id, as long as that is to be answered again. */
export class Deduplication<Sent> {
  readonly #clock: Clock;
  readonly #answers = new Map<string, { readonly sent: Sent; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(id: string): Sent | null {
    const overMs = this.#clock.elapsed() - windowMs;
    // a map keeps the order in which they came
    for (const [old, { atMs }] of this.#answers) {
      if (atMs > overMs) break;
      this.#answers.delete(old);
    }
    return this.#answers.get(id)?.sent ?? null;
  }

  note(id: string, sent: Sent): void {
    this.#answers.set(id, { sent, atMs: this.#clock.elapsed() });
  }
}
