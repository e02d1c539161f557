import type { Clock } from "../../pipeline/clock.ts";
import { atMost } from "../../pipeline/deadline.ts";
import type { Delivery, Settlement, Source } from "../../pipeline/ports.ts";
import type { Report } from "../../pipeline/report.ts";
import { Arrivals } from "./arrivals.ts";
import { ByteGate } from "./byte-gate.ts";
import { Deletes } from "./deletes.ts";
import type { DrainRule } from "./drain-rule.ts";
import { Gather } from "./gather.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Lease, Leases, type Term } from "./leases.ts";
import { Pace } from "./pace.ts";
import type { Queue, QueueFacts, Visibility } from "./queue.ts";
import { Receivers } from "./receivers.ts";
import { delaySeconds, Releases } from "./releases.ts";

export interface SqsSourceOptions {
  readonly facts: Pick<QueueFacts, "visibilityTimeoutMs" | "maximumMessageBytes">;
  /** Receives at most this many times at once, and deletes likewise. */
  readonly parallelCalls: number;
  /** How long an idle receive waits, 1 to 20. */
  readonly waitSeconds: number;
  /** A batch closes when its bodies reach this many bytes. */
  readonly batchBytes: number;
  /** The ceiling of the bytes held: in lanes, waiting for one, and being read. */
  readonly heldBytes: number;
  /** How long messages are held through an outage. */
  readonly holdMs: number;
  /** A batch closes after this long, however small. */
  readonly lingerMs: number;
  /** Ask for message attributes too. */
  readonly withAttributes: boolean;
  /** Says when the queue counts as empty; null to go on for ever. */
  readonly drain: DrainRule | null;
}

/** What a close takes at most: calls that wait a second for their answer, then deletes and releases. */
const closeGraceMs = 1_250;
const closeLimitMs = 5_000;

/**
 * Deliveries from an SQS queue. Idle, it parks one long poll, whatever the number of lanes: 180 calls an hour, and nothing else. Everything
 * it holds is kept invisible to others, within a ceiling of bytes, until it is settled or its time to be held is over.
 */
export class SqsSource implements Source {
  readonly #queue: Queue;
  readonly #clock: Clock;
  readonly #drain: DrainRule | null;
  readonly #arrivals = new Arrivals();
  readonly #leases: Leases;
  readonly #keeper: LeaseKeeper;
  readonly #gate: ByteGate;
  readonly #gather: Gather;
  readonly #receivers: Receivers;
  readonly #deletes: Deletes;
  readonly #releases: Releases;
  #isClosed = false;

  constructor(queue: Queue, options: SqsSourceOptions, clock: Clock, report: Report) {
    const { parallelCalls, drain } = options;
    const visibilityMs = options.facts.visibilityTimeoutMs;
    this.#queue = queue;
    this.#clock = clock;
    this.#drain = drain;
    const leases = new Leases({ visibilityMs, holdMs: options.holdMs }, () => clock.random());
    const pace = new Pace(parallelCalls);
    const gate = new ByteGate(options.heldBytes, () => this.#gather.serve());
    const shared = { queue, leases, parallelCalls, clock, report };
    this.#leases = leases;
    this.#gate = gate;
    this.#deletes = new Deletes({ ...shared, mostCalls: () => pace.mostCalls });
    this.#releases = new Releases(queue, parallelCalls);
    this.#keeper = new LeaseKeeper({ ...shared, visibilityMs, giveBack: (overdue) => this.#giveBackOverdue(overdue) });
    const arrivals = this.#arrivals;
    this.#gather = new Gather({
      ...options,
      arrivals,
      pace,
      clock,
      drain: drain && {
        longestWaitSeconds: (nowMs) => drain.longestWaitSeconds(nowMs),
        sawMessages: (nowMs) => drain.sawMessages(nowMs),
        // what a lane holds may come back, and what is not deleted yet will
        isEmpty: async (nowMs) => leases.size === 0 && drain.isEmpty(nowMs, () => queue.facts()),
      },
    });
    this.#receivers = new Receivers(
      {
        queue,
        options: {
          ...options,
          visibilityMs,
          maximumMessageBytes: options.facts.maximumMessageBytes,
          inGroups: queue.isFifo,
        },
        leases,
        arrivals,
        gate,
        pace,
        clock,
        report,
        cameAgain: (lease) => this.#deletes.cameAgain(lease),
        tookIn: () => this.#keeper.wake(),
      },
      this.#gather,
    );
    this.#gather.use(this.#receivers);
  }

  async receive(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> {
    if (signal.aborted) return [];
    if (this.#deletes.trouble !== null) throw this.#deletes.trouble;
    return this.#gather.wait(limit, signal);
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const done: Lease[] = [];
    const back: Visibility[] = [];
    let bytes = 0;
    for (const { delivery, outcome, again } of settlements) {
      const held = this.#leases.get(delivery.id);
      const isHeld = held?.place === "working";
      const lease = isHeld ? held : looseLease(delivery);
      bytes += lease.bytes;
      lease.place = "deleting";
      lease.delivery = null;
      if (outcome === "returned") {
        this.#leases.drop(lease);
        back.push({ handle: lease.handle, seconds: again === "later" ? this.#delaySeconds(delivery) : 0 });
      } else {
        done.push(lease);
      }
      const { groupId } = delivery;
      if (!isHeld || groupId === null) continue;
      // what stands behind it in its group must not be loaded before it comes again
      if (outcome === "returned") bytes += this.#takeBack(this.#arrivals.removeGroup(groupId), back);
      this.#arrivals.settled(groupId);
    }
    // what goes back will come again: a drain has not seen the last of it
    if (back.length > 0) this.#drain?.sawMessages(this.#clock.elapsed());
    this.#gate.giveBack(bytes);
    await Promise.all([this.#deletes.remove(done), this.#releases.release(back)]);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#gather.close();
    await this.#receivers.close(closeGraceMs);
    const back: Visibility[] = [];
    this.#gate.giveBack(this.#takeBack(this.#arrivals.removeAll(), back));
    const last = Promise.all([this.#releases.release(back), this.#deletes.close(closeLimitMs)]);
    await atMost(closeLimitMs, last, this.#clock);
    this.#keeper.close();
    this.#queue.close();
  }

  /** What no lane has taken while it could be held. Nobody may want it here: others get it first. */
  #giveBackOverdue(overdue: readonly Lease[]): void {
    const back: Visibility[] = [];
    this.#gate.giveBack(this.#takeBack(this.#arrivals.remove(new Set(overdue)), back, (lease) => this.#delaySeconds(lease)));
    void this.#releases.release(back);
  }

  /** Ends the leases of what waits no longer; answers with what it weighed. */
  #takeBack(leases: readonly Lease[], back: Visibility[], seconds: (lease: Lease) => number = () => 0): number {
    let bytes = 0;
    for (const lease of leases) {
      this.#leases.drop(lease);
      bytes += lease.bytes;
      back.push({ handle: lease.handle, seconds: seconds(lease) });
    }
    return bytes;
  }

  #delaySeconds({ attempt }: Pick<Delivery, "attempt">): number {
    return delaySeconds(attempt, () => this.#clock.random());
  }
}

const past: Term = { expiresAtMs: 0, renewAtMs: 0, extendUntilMs: 0 };

/** For a delivery that is not held: settled before, or held by another process. Tried once. */
function looseLease(delivery: Delivery): Lease {
  const lease = new Lease(delivery, 0, past);
  lease.isLost = true;
  return lease;
}
