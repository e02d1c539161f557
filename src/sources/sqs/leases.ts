import type { Delivery } from "../../pipeline/ports.ts";

/** How long a message is held. The messages of one answer share one until they are extended: nothing of it is stored for each of them. */
export interface Term {
  /** When the queue may hand it out again. */
  readonly expiresAtMs: number;
  /** When it is extended next, before half of its time is over. */
  readonly renewAtMs: number;
  /** From then on it is no longer extended. */
  readonly extendUntilMs: number;
}

/** A message that is held here and so invisible to others: waiting for a lane, in a lane's hands, or settled and not yet deleted. */
export class Lease {
  readonly id: string;
  /** What it weighs while it is held. */
  readonly bytes: number;
  /** Null once it has settled: what is only to be deleted keeps no body. */
  delivery: Delivery | null;
  /** The newest: an older one may delete nothing and report success (github.com/justeattakeaway/JustSaying/issues/1584). */
  handle: string;
  place: "buffered" | "working" | "deleting" = "buffered";
  term: Term;
  /** False once it has been dropped; another lease may have its id then. */
  isHeld = false;
  isExtending = false;
  isLost = false;
  /** Counts up with each that arrives. */
  order = 0;
  failedDeletes = 0;

  constructor(delivery: Delivery, bytes: number, term: Term) {
    this.id = delivery.id;
    this.bytes = bytes;
    this.delivery = delivery;
    this.handle = delivery.handle;
    this.term = term;
  }

  get groupId(): string | null {
    return this.delivery?.groupId ?? null;
  }

  /** How often it has been handed out. */
  get attempt(): number {
    return this.delivery?.attempt ?? 1;
  }
}

export interface LeaseTimes {
  /** The queue's own visibility timeout. */
  readonly visibilityMs: number;
  /** How long a message is held at most, from its receive. */
  readonly holdMs: number;
}

/** Beside the time messages are held through an outage: to load them, and to give them back. */
const holdMarginMs = 60_000;
/** SQS holds no message invisible for longer than this after its receive (API reference, ChangeMessageVisibility). */
const longestHoldMs = 12 * 3_600_000;

/** What one look at the leases found. */
export interface LeaseReview {
  readonly toExtend: readonly Lease[];
  /** Ran out while they wait or are in work: told once. */
  readonly lost: number;
  /** Still waiting for a lane when their time was over: to be given back. */
  readonly overdue: readonly Lease[];
}

/** Every lease of the process, by message id. All times are of the clock that is never set. */
export class Leases {
  readonly #times: LeaseTimes;
  readonly #random: () => number;
  readonly #byId = new Map<string, Lease>();

  constructor(times: LeaseTimes, random: () => number) {
    this.#times = times;
    this.#random = random;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Lease | undefined {
    return this.#byId.get(id);
  }

  /** For what is received at `receivedAtMs`. */
  term(receivedAtMs: number): Term {
    const { visibilityMs, holdMs } = this.#times;
    const longestMs = Math.min(holdMs + holdMarginMs, longestHoldMs - visibilityMs);
    return this.#term(receivedAtMs, receivedAtMs + longestMs);
  }

  hold(delivery: Delivery, bytes: number, term: Term): Lease {
    const lease = new Lease(delivery, bytes, term);
    lease.isHeld = true;
    this.#byId.set(lease.id, lease);
    return lease;
  }

  /** The lease of a message that is held already takes the new handle, and has its whole time again. */
  swapHandle(lease: Lease, handle: string, receivedAtMs: number): void {
    lease.handle = handle;
    lease.isLost = false;
    this.extended(lease, receivedAtMs);
  }

  drop(lease: Lease): void {
    if (!lease.isHeld) return;
    lease.isHeld = false;
    this.#byId.delete(lease.id);
  }

  /** An extension asked for at `askedAtMs` was granted. */
  extended(lease: Lease, askedAtMs: number): void {
    lease.term = this.#term(askedAtMs, lease.term.extendUntilMs);
  }

  /** @param horizonMs what falls due by then is extended now */
  review(nowMs: number, horizonMs: number): LeaseReview {
    const toExtend: Lease[] = [];
    const overdue: Lease[] = [];
    let lost = 0;
    for (const lease of this.#byId.values()) {
      const { expiresAtMs, renewAtMs, extendUntilMs } = lease.term;
      const isOver = nowMs >= extendUntilMs;
      if (isOver && lease.place === "buffered") overdue.push(lease);
      else if (lease.isLost) continue;
      else if (nowMs >= expiresAtMs) {
        lease.isLost = true;
        if (lease.place !== "deleting") lost += 1;
      } else if (!isOver && !lease.isExtending && renewAtMs <= horizonMs) toExtend.push(lease);
    }
    return { toExtend, lost, overdue };
  }

  #term(fromMs: number, extendUntilMs: number): Term {
    // between 0.3 and 0.45 of the time: a failed extension can be tried again, and many do not fall due at once
    const renewAfterMs = this.#times.visibilityMs * (0.3 + 0.15 * this.#random());
    return { expiresAtMs: fromMs + this.#times.visibilityMs, renewAtMs: fromMs + renewAfterMs, extendUntilMs };
  }
}
