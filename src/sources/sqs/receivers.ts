import type { Message } from "@aws-sdk/client-sqs";

import { MasklineError } from "../../errors.ts";
import type { Clock } from "../../pipeline/clock.ts";
import { atMost } from "../../pipeline/deadline.ts";
import type { Report } from "../../pipeline/report.ts";
import type { Arrivals } from "./arrivals.ts";
import type { ByteGate } from "./byte-gate.ts";
import type { Lease, Leases } from "./leases.ts";
import { readMessage, weightOf } from "./message.ts";
import { Pace } from "./pace.ts";
import type { Queue } from "./queue.ts";
import { ReceiveCall, readingWeight } from "./receive-call.ts";
import { callSize } from "./tens.ts";

export interface ReceiverOptions {
  /** At most so many receives at once. */
  readonly parallelCalls: number;
  /** How long an idle receive waits, 1 to 20. */
  readonly waitSeconds: number;
  /** Ask for message attributes too. */
  readonly withAttributes: boolean;
  readonly visibilityMs: number;
  readonly maximumMessageBytes: number;
  /** A FIFO queue: it hands out nothing more of a group while some of it is held. */
  readonly inGroups: boolean;
}

/** Who wants messages: tells how many, and is told what came of it. */
export interface Demand {
  /** Messages wanted beyond those that have arrived. */
  wanted(nowMs: number): number;
  /** Someone waits for a first message, and is not only expected back soon. */
  readonly waitsForFirst: boolean;
  longestWaitSeconds(nowMs: number): number;
  arrived(): void;
  /** Nothing new, but the calls stand otherwise. */
  serve(): void;
  /** The one long poll came back empty, and nothing else is under way. */
  cameEmpty(): Promise<void>;
  /** A call failed, and none of those beside it brought anything. */
  failed(error: MasklineError): void;
}

export interface Receiving {
  readonly queue: Pick<Queue, "receive">;
  readonly options: ReceiverOptions;
  readonly leases: Leases;
  readonly arrivals: Arrivals;
  readonly gate: ByteGate;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly report: Report;
  /** A message came again that is held here already. */
  readonly cameAgain: (lease: Lease) => void;
  /** There are leases to look after. */
  readonly tookIn: () => void;
}

/**
 * A call beside others waits a little: one that does not wait at all asks only some of the queue's servers. It is not aborted: a server
 * may give messages to a call that is gone.
 */
const besideWaitSeconds = 1;
/** After answers that bring nothing although they should have waited, or only what is held here already. */
const restMs = 500;

/**
 * The receive calls, beside the lanes. Idle, there is one, a long poll; while calls come back full there are more, as many as are
 * wanted, at most `parallelCalls`. Without demand there is none.
 */
export class Receivers {
  readonly #parts: Receiving;
  readonly #demand: Demand;
  readonly #calls = new Set<ReceiveCall>();
  readonly #closing = new AbortController();
  #thinAnswers = 0;
  #isResting = false;
  #failure: MasklineError | null = null;

  constructor(parts: Receiving, demand: Demand) {
    this.#parts = parts;
    this.#demand = demand;
  }

  /** The last answers were less than half full: there is little on the queue. */
  get isThin(): boolean {
    return this.#thinAnswers >= 2 && !this.#parts.options.inGroups;
  }

  /** Whether more is going to come without anyone new asking for it. */
  get goesOn(): boolean {
    if (this.#calls.size > 0) return true;
    // a group goes on when what is held of it is settled: to wait for more would only hold it up
    if (this.#parts.options.inGroups && this.#thinAnswers > 0) return false;
    return this.#isResting || this.#nextLimit() > 0;
  }

  /** Sends as many calls as are wanted now. */
  pump(): void {
    for (let limit = this.#nextLimit(); limit > 0; limit = this.#nextLimit()) void this.#receive(limit);
  }

  /** Ends the long poll where it waits for messages to come; a call whose answer may be on its way goes on. */
  abortParked(): void {
    for (const call of this.#calls) if (call.isParked(this.#parts.pace.roundTripMs)) call.abort();
  }

  /** Ends all calls; answers that are on their way get `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    this.abortParked();
    await atMost(graceMs, this.#allEnded(), this.#parts.clock);
    for (const call of this.#calls) call.abort();
    await atMost(graceMs, this.#allEnded(), this.#parts.clock);
  }

  async #allEnded(): Promise<void> {
    await Promise.all([...this.#calls].map(({ ended }) => ended));
  }

  /** What the next call may ask for; 0 for none now. */
  #nextLimit(): number {
    const { pace, clock, gate } = this.#parts;
    if (this.#closing.signal.aborted || this.#isResting || this.#failure !== null || this.#calls.size >= pace.width) return 0;
    const wanted = Math.ceil(this.#demand.wanted(clock.elapsed()) - this.#calls.size * pace.messagesPerCall);
    if (wanted <= 0) return 0;
    const bytesEach = Math.ceil(pace.largestBytes * readingWeight);
    // SQS bills by 64 KiB: fewer large messages a call cost nothing, and less memory at once
    const limit = Math.min(callSize, wanted, Math.max(1, Math.floor(gate.capacity / 4 / Math.max(1, bytesEach))));
    const isAlone = this.#calls.size === 0 && gate.used === 0;
    return isAlone || gate.fits((this.#calls.size + 1) * limit * bytesEach) ? limit : 0;
  }

  async #receive(limit: number): Promise<void> {
    const { queue, clock, gate, pace, options } = this.#parts;
    const isLong = this.#calls.size === 0 && this.#demand.waitsForFirst;
    const call = new ReceiveCall(gate, clock, { ...options, limit, largestBytes: pace.largestBytes }, isLong);
    const waitSeconds = isLong ? this.#demand.longestWaitSeconds(call.askedAtMs) : options.inGroups ? 0 : besideWaitSeconds;
    this.#calls.add(call);
    let messages = 0;
    let taken: Taken = { messages: 0, bytes: 0 };
    try {
      const request = { limit, waitSeconds: Math.min(options.waitSeconds, waitSeconds), withAttributes: options.withAttributes };
      const answer = await queue.receive(request, call.signal, call.admit);
      messages = answer.length;
      taken = this.#takeIn(answer, call.headAtMs);
      this.#failure = null;
      pace.answered(limit, messages, isLong ? null : call.headAtMs - call.askedAtMs);
      this.#thinAnswers = messages * 2 >= limit ? 0 : this.#thinAnswers + 1;
    } catch (error) {
      pace.sawLargest(call.droppedBytes / limit);
      if (!call.isOver) {
        this.#failure = error instanceof MasklineError ? error : new MasklineError("internal", "a receive failed unexpectedly");
        pace.failed();
      }
    }
    this.#calls.delete(call);
    // nothing new goes out until it is known what the last answer means
    this.#isResting = this.#calls.size === 0 && this.#failure === null;
    call.end(taken.bytes);
    if (messages > 0) this.#demand.arrived();
    if (this.#calls.size === 0) {
      const wasEarly = clock.elapsed() - call.askedAtMs < waitSeconds * 500;
      await this.#lastEnded(call, isLong && messages === 0, messages === 0 ? wasEarly : taken.messages === 0);
    }
    this.#demand.serve();
  }

  /** The call that ended left none under way. */
  async #lastEnded(call: ReceiveCall, isEmptyPoll: boolean, broughtNothing: boolean): Promise<void> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) {
      this.#demand.failed(failure);
      return;
    }
    if (broughtNothing && !call.isOver) await this.#parts.clock.sleep(restMs, this.#closing.signal);
    if (isEmptyPoll && !call.isOver) await this.#demand.cameEmpty();
    this.#isResting = false;
  }

  #takeIn(answer: readonly Message[], headAtMs: number): Taken {
    const { leases, arrivals, pace, clock, cameAgain, tookIn, report } = this.#parts;
    const term = leases.term(headAtMs);
    const receivedAtMs = clock.now();
    let messages = 0;
    let bytes = 0;
    let largest = 0;
    // all are read before any is held: an answer that fails is nobody's
    for (const delivery of answer.map((message) => readMessage(message, receivedAtMs))) {
      const held = leases.get(delivery.id);
      if (held !== undefined) {
        leases.swapHandle(held, delivery.handle, headAtMs);
        cameAgain(held);
        continue;
      }
      const weight = weightOf(delivery);
      arrivals.add(leases.hold(delivery, weight, term));
      largest = Math.max(largest, weight);
      messages += 1;
      bytes += weight;
    }
    if (messages > 0) {
      pace.sawLargest(largest);
      tookIn();
    }
    if (messages < answer.length) report({ kind: "redelivered", messages: answer.length - messages });
    return { messages, bytes };
  }
}

/** What of an answer was not held here before. */
interface Taken {
  readonly messages: number;
  readonly bytes: number;
}
