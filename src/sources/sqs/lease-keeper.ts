import type { Clock } from "../../pipeline/clock.ts";
import type { Report } from "../../pipeline/report.ts";
import type { Lease, Leases } from "./leases.ts";
import type { Queue } from "./queue.ts";
import { Tens } from "./tens.ts";

export interface LeaseKeeping {
  readonly queue: Pick<Queue, "changeVisibility">;
  readonly leases: Leases;
  readonly visibilityMs: number;
  readonly parallelCalls: number;
  readonly clock: Clock;
  readonly report: Report;
  /** Gives back what nobody has taken in time. */
  readonly giveBack: (overdue: readonly Lease[]) => void;
}

/** An extension waiting to be sent, with the handle it was due for. */
interface Extension {
  readonly lease: Lease;
  readonly handle: string;
}

/** Looks at the leases so many times in one visibility timeout. */
const looksInATimeout = 20;

/** Extends every lease in time while there are any; with none it does nothing and costs no call. */
export class LeaseKeeper {
  readonly #parts: LeaseKeeping;
  readonly #lookMs: number;
  readonly #extensions: Tens<Extension>;
  readonly #closing = new AbortController();
  #isLooking = false;

  constructor(parts: LeaseKeeping) {
    this.#parts = parts;
    this.#lookMs = Math.min(5_000, Math.max(20, parts.visibilityMs / looksInATimeout));
    this.#extensions = new Tens(
      () => parts.parallelCalls,
      (ten) => this.#extend(ten),
    );
  }

  /** Called when there are leases; looks after them until there are none. */
  wake(): void {
    if (this.#isLooking || this.#closing.signal.aborted) return;
    this.#isLooking = true;
    void this.#lookAfter();
  }

  close(): void {
    this.#closing.abort();
  }

  async #lookAfter(): Promise<void> {
    const { leases, clock } = this.#parts;
    const { signal } = this.#closing;
    while (leases.size > 0 && !signal.aborted) {
      await clock.sleep(this.#lookMs, signal);
      if (!signal.aborted) this.#look();
    }
    this.#isLooking = false;
  }

  #look(): void {
    const { leases, clock, report, giveBack } = this.#parts;
    const nowMs = clock.elapsed();
    const { toExtend, lost, overdue } = leases.review(nowMs, nowMs + this.#lookMs);
    if (overdue.length > 0) giveBack(overdue);
    if (lost > 0) report({ kind: "lease_lost", messages: lost });
    if (toExtend.length === 0) return;
    for (const lease of toExtend) lease.isExtending = true;
    void this.#extensions.run(toExtend.map((lease) => ({ lease, handle: lease.handle })));
  }

  async #extend(ten: readonly Extension[]): Promise<boolean> {
    const { queue, clock, visibilityMs } = this.#parts;
    // settled while it waited in line, or come again with another handle
    const due = ten.filter(({ lease, handle }) => lease.isHeld && lease.handle === handle);
    for (const { lease } of ten) lease.isExtending = false;
    if (due.length === 0) return true;
    for (const { lease } of due) lease.isExtending = true;
    const askedAtMs = clock.elapsed();
    const seconds = Math.round(visibilityMs / 1_000);
    try {
      const failed = await queue.changeVisibility(due.map(({ handle }) => ({ handle, seconds })));
      this.#answered(due, new Map(failed.map(({ place, passing }) => [place, passing])), askedAtMs);
      return true;
    } catch {
      // an outage, a throttle, a missing right: tried again soon, and told when the lease has run out for it
      for (const { lease, handle } of due) this.#tryAgain(lease, handle);
      return false;
    } finally {
      for (const { lease } of due) lease.isExtending = false;
    }
  }

  #answered(due: readonly Extension[], failed: ReadonlyMap<number, boolean>, askedAtMs: number): void {
    const { leases, report } = this.#parts;
    let lost = 0;
    due.forEach(({ lease, handle }, place) => {
      // it came again meanwhile: this answer says nothing of the newer handle
      if (lease.handle !== handle || !lease.isHeld) return;
      const passing = failed.get(place);
      if (passing === undefined) leases.extended(lease, askedAtMs);
      else if (passing) this.#tryAgain(lease, handle);
      else {
        if (!lease.isLost && lease.place !== "deleting") lost += 1;
        lease.isLost = true;
      }
    });
    if (lost > 0) report({ kind: "lease_lost", messages: lost });
  }

  #tryAgain(lease: Lease, handle: string): void {
    if (lease.handle !== handle) return;
    const { clock } = this.#parts;
    lease.term = { ...lease.term, renewAtMs: clock.elapsed() + this.#lookMs * (1 + clock.random()) };
  }
}
