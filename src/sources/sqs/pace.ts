import { callSize } from "./tens.ts";

/** How much a new measurement counts against all before. */
const weightOfNewest = 0.2;
/** The time over which the lanes' rate is measured. */
const rateWindowMs = 2_000;
/** What the largest body counts for after each answer without one as large. */
const largestKept = 0.95;
/** More than a process can take, in messages a ms. */
const mostPerMs = 60;
/** So many at once always: a process that is at work for some ms reads what has come meanwhile in one go. */
const leastCalls = 8;
/** How fast the least round trip rises to one that stays longer. */
const leastRises = 0.01;

/**
 * How receiving goes, and how many calls follow from it. By Little's law what must be under way is rate x round trip: lanes that stand
 * waiting need what they wait for, and those at work what they will have taken by the time an answer is there.
 */
export class Pace {
  readonly #mostCalls: number;
  #width = 1;
  #roundTripMs = 0;
  #leastRoundTripMs = 0;
  #fullness = 1;
  #taken = 0;
  #takenAtMs = 0;
  #largestBytes = 0;

  constructor(mostCalls: number) {
    this.#mostCalls = mostCalls;
  }

  /** At most so many calls at once: one until receives come back full. */
  get width(): number {
    return this.#width;
  }

  /**
   * Of receives, and of deletes, at once. Beyond rate x round trip / 10 they only stand in line, here or at the server: 64 in place of 16
   * cost a third more CPU a message where there is no latency, and at 20 ms they bring four times as many. What counts is the least
   * round trip of late: that of a call that stands in line is longer by that.
   */
  get mostCalls(): number {
    const useful = Math.ceil((mostPerMs * this.#leastRoundTripMs) / callSize);
    return Math.min(this.#mostCalls, Math.max(leastCalls, useful));
  }

  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** Messages an answer brings, as far as is known. */
  get messagesPerCall(): number {
    return Math.max(1, this.#fullness * callSize);
  }

  get largestBytes(): number {
    return this.#largestBytes;
  }

  /** @param tookMs null where the call may have waited for messages long before it was answered */
  answered(asked: number, messages: number, tookMs: number | null): void {
    const share = Math.min(1, messages / asked);
    this.#fullness += (share - this.#fullness) * weightOfNewest;
    if (share >= 0.5) {
      if (tookMs !== null) this.#took(tookMs);
      this.#width = Math.min(this.mostCalls, this.#width * (share === 1 ? 2 : 1) + 1);
    } else {
      this.failed();
    }
  }

  #took(tookMs: number): void {
    const isFirst = this.#roundTripMs === 0;
    this.#roundTripMs += (tookMs - this.#roundTripMs) * (isFirst ? 1 : weightOfNewest);
    const isLess = isFirst || tookMs < this.#leastRoundTripMs;
    this.#leastRoundTripMs += (tookMs - this.#leastRoundTripMs) * (isLess ? 1 : leastRises);
  }

  failed(): void {
    this.#width = Math.max(1, this.#width >> 1);
  }

  sawLargest(bytes: number): void {
    this.#largestBytes = Math.max(bytes, this.#largestBytes * largestKept);
  }

  /** Lanes took so many. */
  took(messages: number, nowMs: number): void {
    this.#taken = this.#takenBy(nowMs) + messages;
    this.#takenAtMs = nowMs;
  }

  /** What the lanes will have taken by the time a batch that is asked for now is there: a large one takes several rounds of calls. */
  takenWhileFetching(batchRows: number, nowMs: number): number {
    const rounds = Math.ceil(batchRows / (callSize * this.#width));
    return Math.floor((this.#takenBy(nowMs) / rateWindowMs) * this.#roundTripMs * rounds);
  }

  #takenBy(nowMs: number): number {
    return this.#taken * Math.exp((this.#takenAtMs - nowMs) / rateWindowMs);
  }
}
