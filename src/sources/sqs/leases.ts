import type { Delivery } from "../../pipeline/ports.ts";

/** A message that is held here and so invisible to others: waiting for a lane, in a lane's hands, or settled and not yet deleted. */
export interface Lease {
  readonly id: string;
  readonly groupId: string | null;
  readonly attempt: number;
  /** What it weighs while it is held. */
  readonly bytes: number;
  /** The newest: an older one may delete nothing and report success (github.com/justeattakeaway/JustSaying/issues/1584). */
  handle: string;
  place: "buffered" | "working" | "deleting";
  /** When the queue may hand it out again. */
  expiresAtMs: number;
  /** When it is extended next, before half of its time is over. */
  renewAtMs: number;
  /** From then on it is no longer extended. */
  readonly extendUntilMs: number;
  isExtending: boolean;
  isLost: boolean;
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

  /** The lease of a message that is held already takes the new handle, and has its whole time again. */
  swapHandle(lease: Lease, handle: string, receivedAtMs: number): void {
    lease.handle = handle;
    lease.isLost = false;
    this.#startTerm(lease, receivedAtMs, this.renewAfterMs());
  }

  /** @param renewAfterMs the same for messages of one answer: they are extended together */
  hold(delivery: Delivery, bytes: number, receivedAtMs: number, renewAfterMs: number): Lease {
    const { visibilityMs, holdMs } = this.#times;
    const longestMs = Math.min(holdMs + holdMarginMs, longestHoldMs - visibilityMs);
    const { id, groupId, attempt, handle } = delivery;
    const lease: Lease = {
      id,
      groupId,
      attempt,
      bytes,
      handle,
      place: "buffered",
      expiresAtMs: receivedAtMs + visibilityMs,
      renewAtMs: receivedAtMs + renewAfterMs,
      extendUntilMs: receivedAtMs + longestMs,
      isExtending: false,
      isLost: false,
    };
    this.#byId.set(id, lease);
    return lease;
  }

  /** Between 0.3 and 0.45 of the visibility timeout: a failed extension can be tried again, and many do not fall due at once. */
  renewAfterMs(): number {
    return this.#times.visibilityMs * (0.3 + 0.15 * this.#random());
  }

  drop(lease: Lease): void {
    if (this.#byId.get(lease.id) === lease) this.#byId.delete(lease.id);
  }

  /** An extension asked for at `askedAtMs` was granted. */
  extended(lease: Lease, askedAtMs: number): void {
    this.#startTerm(lease, askedAtMs, this.renewAfterMs());
  }

  /** @param horizonMs what falls due by then is extended now */
  review(nowMs: number, horizonMs: number): LeaseReview {
    const toExtend: Lease[] = [];
    const overdue: Lease[] = [];
    let lost = 0;
    for (const lease of this.#byId.values()) {
      const isOver = nowMs >= lease.extendUntilMs;
      if (isOver && lease.place === "buffered") overdue.push(lease);
      else if (lease.isLost) continue;
      else if (nowMs >= lease.expiresAtMs) {
        lease.isLost = true;
        if (lease.place !== "deleting") lost += 1;
      } else if (!isOver && !lease.isExtending && lease.renewAtMs <= horizonMs) toExtend.push(lease);
    }
    return { toExtend, lost, overdue };
  }

  #startTerm(lease: Lease, fromMs: number, renewAfterMs: number): void {
    lease.expiresAtMs = fromMs + this.#times.visibilityMs;
    lease.renewAtMs = fromMs + renewAfterMs;
  }
}
