import { Line } from "./line.ts";

/** SQS takes ten entries a call, and hands out ten messages a call. */
export const callSize = 10;

/** Entries that were added together. */
interface Round {
  open: number;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Calls with up to ten entries each, at most `most()` at once; what is beyond waits in line. A call that goes wrong halves how many go out
 * together, a good one lets one more go: what throttles is asked less.
 */
export class Tens<T> {
  readonly #most: () => number;
  readonly #call: (ten: readonly T[]) => Promise<boolean>;
  readonly #entries = new Line<T>();
  /** Of each entry in line, the round it belongs to: a call takes entries of several where one ends. */
  readonly #rounds = new Line<Round>();
  #width: number;
  #running = 0;

  /** @param call answers whether it went well; never rejects */
  constructor(most: () => number, call: (ten: readonly T[]) => Promise<boolean>) {
    this.#most = most;
    this.#width = most();
    this.#call = call;
  }

  /** Resolves when each of these entries has been called with. */
  async run(entries: readonly T[]): Promise<void> {
    if (entries.length === 0) return;
    const round: Round = { open: entries.length, done: Promise.withResolvers() };
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#rounds.push(round);
    }
    this.#go();
    await round.done.promise;
  }

  #go(): void {
    while (this.#running < this.#width && this.#entries.length > 0) {
      this.#running += 1;
      void this.#runTen(this.#entries.take(callSize), this.#rounds.take(callSize));
    }
  }

  async #runTen(ten: readonly T[], rounds: readonly Round[]): Promise<void> {
    const wentWell = await this.#call(ten);
    this.#width = wentWell ? Math.min(this.#most(), this.#width + 1) : Math.max(1, this.#width >> 1);
    this.#running -= 1;
    for (const round of rounds) {
      round.open -= 1;
      if (round.open === 0) round.done.resolve();
    }
    this.#go();
  }
}
