import type { Clock } from "../../../src/pipeline/clock.ts";

interface Waiter<Wish, Item> {
  readonly wish: Wish;
  readonly answer: (items: readonly Item[]) => void;
}

/** The queue they wait at. */
interface Awaited<Wish, Item> {
  readonly take: (wish: Wish) => readonly Item[];
  /** When the next message becomes visible by itself. */
  readonly nextMs: () => number;
}

/** Long polls that are parked, answered in the order in which they came. */
export class Waiters<Wish extends { readonly waitMs: number }, Item> {
  readonly #clock: Clock;
  readonly #ended: AbortSignal;
  readonly #awaited: Awaited<Wish, Item>;
  readonly #parked = new Set<Waiter<Wish, Item>>();
  /** The alarm that is set; Infinity when none is. */
  #alarmMs = Infinity;

  constructor(clock: Clock, ended: AbortSignal, awaited: Awaited<Wish, Item>) {
    this.#clock = clock;
    this.#ended = ended;
    this.#awaited = awaited;
  }

  /** Resolves with what has come, or with nothing after the time, or when the one who waits is `gone`. */
  async park(wish: Wish, gone: AbortSignal): Promise<readonly Item[]> {
    const answered = new AbortController();
    const answer = new Promise<readonly Item[]>((resolve) => {
      const leave = (): void => waiter.answer([]);
      const waiter: Waiter<Wish, Item> = {
        wish,
        answer: (some) => {
          this.#parked.delete(waiter);
          gone.removeEventListener("abort", leave);
          resolve(some);
          answered.abort();
        },
      };
      this.#parked.add(waiter);
      gone.addEventListener("abort", leave);
      if (gone.aborted) leave();
      else void this.#clock.sleep(wish.waitMs, answered.signal).then(leave);
    });
    this.#setAlarm();
    return answer;
  }

  wake(): void {
    for (const waiter of this.#parked) {
      const items = this.#awaited.take(waiter.wish);
      if (items.length === 0) break;
      waiter.answer(items);
    }
    this.#setAlarm();
  }

  /** Wakes them when a message becomes visible by itself. An alarm that has lost its reason finds nothing to do. */
  #setAlarm(): void {
    const nextMs = this.#awaited.nextMs();
    if (this.#parked.size === 0 || nextMs >= this.#alarmMs) return;
    this.#alarmMs = nextMs;
    void this.#clock.sleep(Math.max(0, nextMs - this.#clock.elapsed()), this.#ended).then(() => {
      if (this.#alarmMs === nextMs) this.#alarmMs = Infinity;
      if (!this.#ended.aborted) this.wake();
    });
  }
}
