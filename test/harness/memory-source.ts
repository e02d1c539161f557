import type { Delivery, Settlement, Source } from "../../src/pipeline/ports.ts";

interface Held {
  readonly id: string;
  readonly body: string;
  readonly sentAtMs: number;
  attempts: number;
}

const laterMs = 200;

const kindOf = ({ attempts }: Pick<Held, "attempts">): number => (attempts === 0 ? 0 : attempts < 3 ? 1 : 2);

/** A queue in memory, for tests of what stands above the port. It passes the conformance suite of the real sources. */
export class MemorySource implements Source {
  readonly #endsWhenEmpty: boolean;
  readonly #elapsed: () => number;
  #waiting: Held[] = [];
  readonly #inFlight = new Map<string, Held>();
  #later: { readonly held: Held; readonly dueMs: number }[] = [];
  #sent = 0;
  #failures = 0;
  #failure: Error | null = null;

  /** @param options.endsWhenEmpty there is no more when all is gone; otherwise it waits for what may come */
  constructor(options: { readonly endsWhenEmpty?: boolean; readonly elapsed?: () => number } = {}) {
    this.#endsWhenEmpty = options.endsWhenEmpty ?? false;
    this.#elapsed = options.elapsed ?? ((): number => performance.now());
  }

  get visible(): number {
    return this.#waiting.length;
  }

  get remaining(): number {
    return this.#waiting.length + this.#inFlight.size + this.#later.length;
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
    this.#comeBack();
    const taken = this.#takeNext(limit);
    if (taken.length === 0) return this.#endsWhenEmpty && this.remaining === 0 ? null : [];
    return taken.map((held): Delivery => {
      held.attempts += 1;
      const handle = `${held.id}/${held.attempts}`;
      this.#inFlight.set(handle, held);
      const { id, body, sentAtMs, attempts } = held;
      return { id, body, sentAtMs, receivedAtMs: Date.now(), attempt: attempts, groupId: null, attributes: {}, handle };
    });
  }

  /** What has been handed out before goes in small batches, as behind the real sources. */
  #takeNext(limit: number): readonly Held[] {
    const attempts = this.#waiting[0]?.attempts ?? 0;
    const most = attempts === 0 ? limit : Math.min(limit, attempts < 3 ? 10 : 1);
    const alike = (held: Held): boolean => kindOf(held) === kindOf({ attempts });
    const taken = this.#waiting.filter(alike).slice(0, most);
    this.#waiting = this.#waiting.filter((held) => !taken.includes(held));
    return taken;
  }

  #comeBack(): void {
    const nowMs = this.#elapsed();
    this.#waiting.push(...this.#later.filter(({ dueMs }) => dueMs <= nowMs).map(({ held }) => held));
    this.#later = this.#later.filter(({ dueMs }) => dueMs > nowMs);
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { delivery, outcome, again } of settlements) {
      const held = this.#inFlight.get(delivery.handle);
      if (held === undefined) continue;
      this.#inFlight.delete(delivery.handle);
      if (outcome !== "returned") continue;
      if (again === "later") this.#later.push({ held, dueMs: this.#elapsed() + laterMs });
      else this.#waiting.push(held);
    }
  }

  async close(): Promise<void> {}
}
