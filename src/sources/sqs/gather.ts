import { MasklineError } from "../../errors.ts";
import type { Clock } from "../../pipeline/clock.ts";
import type { Delivery } from "../../pipeline/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Pace } from "./pace.ts";
import type { Demand, Receivers } from "./receivers.ts";

export interface Gathering {
  readonly arrivals: Arrivals;
  readonly pace: Pace;
  readonly clock: Clock;
  /** A batch closes when its messages weigh this much. */
  readonly batchBytes: number;
  /** A batch closes after this long, however small. */
  readonly lingerMs: number;
  readonly waitSeconds: number;
  /** What a drain adds. */
  readonly drain: {
    longestWaitSeconds(nowMs: number): number;
    sawMessages(nowMs: number): void;
    isEmpty(nowMs: number): Promise<boolean>;
  } | null;
}

interface WaitingLane {
  readonly limit: number;
  readonly answer: PromiseWithResolvers<readonly Delivery[] | null>;
}

/** The batch that is being gathered for the lane that has waited longest. */
interface OpenBatch {
  readonly closed: AbortController;
  /** Shortly before its time is over: one more look at what has come to the queue meanwhile. */
  isLastLook: boolean;
  isOver: boolean;
}

/**
 * Gathers batches for the lanes that wait, the longest waiting first. A batch opens with the first message that is there for it and
 * closes when it is full, when its time is over, or when nothing more can come.
 */
export class Gather implements Demand {
  readonly #parts: Gathering;
  readonly #lanes: WaitingLane[] = [];
  #receivers: Receivers | null = null;
  #open: OpenBatch | null = null;
  #lastWaitingMs = -Infinity;
  #lastLimit = 0;
  #hasEnded = false;

  constructor(parts: Gathering) {
    this.#parts = parts;
  }

  get waitsForFirst(): boolean {
    return this.#lanes.length > 0 && this.#open === null;
  }

  /** The calls that bring what is gathered. */
  use(receivers: Receivers): void {
    this.#receivers = receivers;
  }

  async wait(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> {
    if (this.#hasEnded) return null;
    if (signal.aborted) return [];
    const lane: WaitingLane = { limit, answer: Promise.withResolvers() };
    const leave = (): void => this.#leave(lane);
    signal.addEventListener("abort", leave, { once: true });
    this.#lanes.push(lane);
    this.#lastLimit = limit;
    this.serve();
    try {
      return await lane.answer.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Hands over what may be handed over now, and has called for what is wanted beyond. */
  serve(): void {
    const { arrivals, batchBytes } = this.#parts;
    // what it had was given back meanwhile: lanes wait for a first message again
    if (this.#open !== null && !arrivals.isReady) this.#closeBatch();
    for (let [lane] = this.#lanes; lane !== undefined && arrivals.isReady; [lane] = this.#lanes) {
      this.#open ??= this.#openBatch();
      if (!arrivals.isFull(lane.limit, batchBytes) && !this.#open.isOver && this.#mayStillCome(this.#open)) break;
      this.#handOver(lane);
    }
    this.#receivers?.pump();
  }

  /** Nothing more will come, for those who wait and for those who ask later. */
  close(): void {
    this.#hasEnded = true;
    this.#answerAll(null);
  }

  wanted(nowMs: number): number {
    const { arrivals, pace, lingerMs } = this.#parts;
    if (this.#lanes.length > 0) this.#lastWaitingMs = nowMs;
    else if (this.#receivers?.isThin === true || nowMs - this.#lastWaitingMs > lingerMs) return 0;
    if (this.#isLetLie(this.#open)) return 0;
    let room = 0;
    for (const { limit } of this.#lanes) room += limit;
    return room + pace.takenWhileFetching(this.#lastLimit, nowMs) - arrivals.size;
  }

  longestWaitSeconds(nowMs: number): number {
    return Math.min(this.#parts.waitSeconds, this.#parts.drain?.longestWaitSeconds(nowMs) ?? Infinity);
  }

  arrived(): void {
    this.#parts.drain?.sawMessages(this.#parts.clock.elapsed());
    this.serve();
  }

  async cameEmpty(): Promise<void> {
    const { arrivals, clock, drain } = this.#parts;
    // what came meanwhile, or stands behind its group, is no reason to say that nothing came
    if (arrivals.isReady) return;
    try {
      if (arrivals.size === 0 && (await drain?.isEmpty(clock.elapsed())) === true) this.#hasEnded = true;
    } catch (error) {
      this.failed(error instanceof MasklineError ? error : new MasklineError("internal", "the drain could not be judged"));
    }
    this.#answerAll(this.#hasEnded ? null : []);
  }

  failed(error: MasklineError): void {
    const [first] = this.#lanes;
    if (first !== undefined && this.#parts.arrivals.isReady) this.#handOver(first);
    for (const { answer } of this.#lanes.splice(0)) answer.reject(error);
  }

  #mayStillCome(open: OpenBatch): boolean {
    return this.#isLetLie(open) || this.#receivers?.goesOn === true;
  }

  /** Little comes: it is left on the queue to gather there, and fetched with one call instead of many before the batch closes. */
  #isLetLie(open: OpenBatch | null): boolean {
    return open !== null && !open.isLastLook && this.#receivers?.isThin === true;
  }

  #openBatch(): OpenBatch {
    const open: OpenBatch = { closed: new AbortController(), isLastLook: false, isOver: this.#parts.lingerMs === 0 };
    if (!open.isOver) void this.#linger(open);
    return open;
  }

  async #linger(open: OpenBatch): Promise<void> {
    const { clock, lingerMs, pace } = this.#parts;
    const lastLookMs = Math.min(lingerMs / 2, Math.max(50, 2 * pace.roundTripMs));
    await clock.sleep(lingerMs - lastLookMs, open.closed.signal);
    open.isLastLook = true;
    if (this.#open === open) this.serve();
    await clock.sleep(lastLookMs, open.closed.signal);
    open.isOver = true;
    if (this.#open === open) this.serve();
  }

  #handOver(lane: WaitingLane): void {
    const { arrivals, batchBytes, pace, clock } = this.#parts;
    const deliveries: Delivery[] = [];
    for (const lease of arrivals.take(lane.limit, batchBytes)) {
      lease.place = "working";
      if (lease.delivery !== null) deliveries.push(lease.delivery);
    }
    const nowMs = clock.elapsed();
    pace.took(deliveries.length, nowMs);
    this.#lastWaitingMs = nowMs;
    this.#closeBatch();
    this.#lanes.shift();
    lane.answer.resolve(deliveries);
  }

  #leave(lane: WaitingLane): void {
    const place = this.#lanes.indexOf(lane);
    if (place === -1) return;
    this.#lanes.splice(place, 1);
    if (place === 0) this.#closeBatch();
    lane.answer.resolve([]);
    if (this.#lanes.length > 0) this.serve();
    else this.#receivers?.abortParked();
  }

  #closeBatch(): void {
    this.#open?.closed.abort();
    this.#open = null;
  }

  #answerAll(answer: readonly Delivery[] | null): void {
    this.#closeBatch();
    for (const { answer: lane } of this.#lanes.splice(0)) lane.resolve(answer);
  }
}
