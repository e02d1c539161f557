import { MasklineError } from "../../errors.ts";
import type { Clock } from "../../pipeline/clock.ts";
import type { Admitted } from "./admitted-answer.ts";
import type { ByteGate } from "./byte-gate.ts";

export interface CallSizes {
  readonly limit: number;
  readonly visibilityMs: number;
  /** The largest message of late; 0 where none has been seen. */
  readonly largestBytes: number;
  readonly maximumMessageBytes: number;
}

/** JSON may write a character of a message as six. */
const longestEscape = 6;
const shortestUnknownBytes = 65_536;
/** The least an answer may wait for admission, however short the visibility timeout. */
const shortestWaitMs = 1_000;
const leastParkedMs = 50;

/**
 * What an answer weighs while it is read and parsed, against its length: chunks, whole, text and parsed texts are there together.
 * Measured with ten bodies of 1 MiB in both protocols: 4.6 to 5 times, 7 in XML where no character is ASCII.
 */
export const readingWeight = 5;

/** One receive under way: when it was asked and answered, what its answer weighs, and what ends it. */
export class ReceiveCall {
  readonly isLong: boolean;
  readonly askedAtMs: number;
  readonly #gate: ByteGate;
  readonly #clock: Clock;
  readonly #sizes: CallSizes;
  readonly #controller = new AbortController();
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #headAtMs: number;
  #isAnswered = false;
  #weight = 0;
  #droppedBytes = 0;

  /** @param isLong it waits for the first message to come */
  constructor(gate: ByteGate, clock: Clock, sizes: CallSizes, isLong: boolean) {
    this.isLong = isLong;
    this.#gate = gate;
    this.#clock = clock;
    this.#sizes = sizes;
    this.askedAtMs = clock.elapsed();
    this.#headAtMs = this.askedAtMs;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** When the queue answered: the messages' leases run from then on, however long the body waited to be read. */
  get headAtMs(): number {
    return this.#headAtMs;
  }

  /** It waits for messages to come, so far as is known: one that has an answer, or may have one on its way, would lose it. */
  isParked(roundTripMs: number): boolean {
    return this.isLong && !this.#isAnswered && this.#clock.elapsed() - this.askedAtMs > Math.max(leastParkedMs, 3 * roundTripMs);
  }

  /** Of an answer that was given up unread, or was longer than reserved for. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** Ended from here, and not by a failure. */
  get isOver(): boolean {
    return this.#controller.signal.aborted;
  }

  abort(): void {
    this.#controller.abort();
  }

  /** @param keptBytes what its messages weigh from now on */
  end(keptBytes: number): void {
    this.#gate.exchange(this.#weight, keptBytes);
    this.#weight = 0;
    this.#ended.resolve();
  }

  /** Waits for room, at most half of the visibility timeout: after that the messages are better received again, by whoever has room. */
  readonly admit = (length: number | null): Admitted | Promise<Admitted> => {
    this.#headAtMs = this.#clock.elapsed();
    this.#isAnswered = true;
    // a second try of the same call: the first answer is gone
    this.#gate.exchange(this.#weight, 0);
    this.#weight = 0;
    const mostBytes = length ?? this.#unknownBytes();
    return this.#gate.tryAdmit(mostBytes * readingWeight) ? this.#admitted(mostBytes) : this.#admittedLater(mostBytes);
  };

  async #admittedLater(mostBytes: number): Promise<Admitted> {
    if (await this.#waitForRoom(mostBytes * readingWeight)) return this.#admitted(mostBytes);
    this.#droppedBytes = mostBytes;
    this.abort();
    throw new MasklineError("interrupted", "an answer of the queue was given up unread: there was no room for it in time");
  }

  #admitted(mostBytes: number): Admitted {
    this.#weight = mostBytes * readingWeight;
    return { mostBytes, tooLong: this.#tooLong };
  }

  readonly #tooLong = (): void => {
    this.#droppedBytes = this.#worstBytes();
  };

  async #waitForRoom(weight: number): Promise<boolean> {
    const waiting = new AbortController();
    const giveUp = (): void => waiting.abort();
    this.signal.addEventListener("abort", giveUp, { once: true });
    if (this.isOver) giveUp();
    const limitMs = Math.max(shortestWaitMs, this.#sizes.visibilityMs / 2);
    void this.#clock.sleep(limitMs, waiting.signal).then(giveUp);
    const hasRoom = await this.#gate.admit(weight, waiting.signal);
    this.signal.removeEventListener("abort", giveUp);
    giveUp();
    return hasRoom;
  }

  /** For a server that does not say how long its answer is: twice what has been seen. One that is longer after all is given up. */
  #unknownBytes(): number {
    const { limit, largestBytes } = this.#sizes;
    return largestBytes === 0 ? this.#worstBytes() : Math.max(shortestUnknownBytes, limit * largestBytes * 2);
  }

  #worstBytes(): number {
    const { limit, maximumMessageBytes } = this.#sizes;
    return limit * maximumMessageBytes * longestEscape;
  }
}
