import type { Delivery, Settlement, Source } from "../../src/pipeline/ports.ts";

interface Held {
  readonly id: string;
  readonly body: string;
  readonly sentAtMs: number;
  attempts: number;
}

/** A queue in memory, for tests of what stands above the port. It passes the conformance suite of the real sources. */
export class MemorySource implements Source {
  readonly #endsWhenEmpty: boolean;
  #waiting: Held[] = [];
  readonly #inFlight = new Map<string, Held>();
  #sent = 0;
  #failures = 0;
  #failure: Error | null = null;

  /** @param options.endsWhenEmpty there is no more when all is gone; otherwise it waits for what may come */
  constructor(options: { readonly endsWhenEmpty?: boolean } = {}) {
    this.#endsWhenEmpty = options.endsWhenEmpty ?? false;
  }

  get visible(): number {
    return this.#waiting.length;
  }

  get remaining(): number {
    return this.#waiting.length + this.#inFlight.size;
  }

  send(bodies: readonly string[]): void {
    for (const body of bodies) {
      this.#sent += 1;
      this.#waiting.push({ id: `message-${this.#sent}`, body, sentAtMs: Date.now(), attempts: 0 });
    }
  }

  /** Puts the first waiting messages there a second time, as a queue may. */
  redeliver(count: number): void {
    this.#waiting.push(...this.#waiting.slice(0, count).map((held) => ({ ...held })));
  }

  failNext(times: number, failure: Error): void {
    this.#failures = times;
    this.#failure = failure;
  }

  async receive(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> {
    await Promise.resolve();
    if (signal.aborted) return [];
    if (this.#failures > 0 && this.#failure !== null) {
      this.#failures -= 1;
      throw this.#failure;
    }
    const taken = this.#waiting.slice(0, limit);
    this.#waiting = this.#waiting.slice(limit);
    if (taken.length === 0) return this.#endsWhenEmpty && this.#inFlight.size === 0 ? null : [];
    return taken.map((held): Delivery => {
      held.attempts += 1;
      const handle = `${held.id}/${held.attempts}`;
      this.#inFlight.set(handle, held);
      const { id, body, sentAtMs, attempts } = held;
      return { id, body, sentAtMs, receivedAtMs: Date.now(), attempt: attempts, groupId: null, attributes: {}, handle };
    });
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { delivery, outcome } of settlements) {
      const held = this.#inFlight.get(delivery.handle);
      if (held === undefined) continue;
      this.#inFlight.delete(delivery.handle);
      if (outcome === "returned") this.#waiting.push(held);
    }
  }

  async close(): Promise<void> {}
}
