import { MasklineError } from "../../errors.ts";
import type { Clock } from "../../pipeline/clock.ts";
import { atMost } from "../../pipeline/deadline.ts";
import type { Report } from "../../pipeline/report.ts";
import type { Lease, Leases } from "./leases.ts";
import type { FailedEntry, Queue } from "./queue.ts";
import { Tens } from "./tens.ts";

export interface Deleting {
  readonly queue: Pick<Queue, "deleteBatch">;
  readonly leases: Leases;
  /** So many calls at once. */
  readonly mostCalls: () => number;
  readonly clock: Clock;
  readonly report: Report;
}

const firstPauseMs = 100;
const longestPauseMs = 15_000;
/** With more than so many left to delete nothing more is received: they would only come again. */
const mostUndeleted = 5_000;

/**
 * Deletes what has had its effect: in tens side by side, beside the receives. What fails is tried again with the newest handle, for as long as
 * the message is held. A message that comes again before it is deleted is deleted under its new handle at once; one that comes
 * again after that is a new delivery, which its receipt knows: to keep the ids of what was deleted would need memory without end, and
 * the account would not see it.
 */
export class Deletes {
  readonly #parts: Deleting;
  readonly #tens: Tens<Lease>;
  /** Failed, and waiting to be tried again. */
  readonly #resting = new Set<Lease>();
  readonly #closing = new AbortController();
  #left = 0;
  #isOver = false;
  #failure: MasklineError | null = null;
  #gone: PromiseWithResolvers<void> | null = null;

  constructor(parts: Deleting) {
    this.#parts = parts;
    this.#tens = new Tens(parts.mostCalls, (ten) => this.#delete(ten));
  }

  /** Why nothing more should be received: deletes fail for good, or too many have failed. */
  get trouble(): MasklineError | null {
    if (this.#failure === null) return null;
    return !this.#failure.retryable || this.#left > mostUndeleted ? this.#failure : null;
  }

  /** Resolves when each has been tried; those that failed are tried again meanwhile. */
  async remove(leases: readonly Lease[]): Promise<void> {
    this.#left += leases.length;
    await this.#tens.run(leases);
  }

  /** The lease has a new handle: what waited with the old one need not wait longer. */
  cameAgain(lease: Lease): void {
    if (this.#resting.has(lease)) this.#goOn([lease]);
  }

  /** Tries what is left once more; what is not deleted within `limitMs` is reported and comes again. */
  async close(limitMs: number): Promise<void> {
    this.#closing.abort();
    this.#goOn([...this.#resting]);
    if (this.#left > 0) {
      this.#gone = Promise.withResolvers();
      await atMost(limitMs, this.#gone.promise, this.#parts.clock);
    }
    this.#tellUndeleted(this.#left);
    // told once: what fails from now on was among them
    this.#isOver = true;
  }

  async #delete(ten: readonly Lease[]): Promise<boolean> {
    const handles = ten.map(({ handle }) => handle);
    const failed = await this.#ask(ten);
    const again: Lease[] = [];
    const rest: Lease[] = [];
    for (const [place, lease] of ten.entries()) {
      // an answer for an older handle says nothing, whatever it says
      if (lease.handle !== handles[place]) again.push(lease);
      else if (failed === null || failed.some((entry) => entry.place === place)) rest.push(lease);
      else this.#end(lease);
    }
    if (again.length > 0) void this.#tens.run(again);
    if (rest.length > 0) this.#rest(rest);
    return failed !== null && failed.length === 0;
  }

  /** Null when the call failed as a whole. */
  async #ask(ten: readonly Lease[]): Promise<readonly FailedEntry[] | null> {
    try {
      const failed = await this.#parts.queue.deleteBatch(ten);
      this.#failure = null;
      return failed;
    } catch (error) {
      this.#failure = error instanceof MasklineError ? error : null;
      return null;
    }
  }

  #rest(leases: readonly Lease[]): void {
    const { clock } = this.#parts;
    let undeleted = 0;
    let mostTries = 0;
    const resting: Lease[] = [];
    for (const lease of leases) {
      lease.failedDeletes += 1;
      mostTries = Math.max(mostTries, lease.failedDeletes);
      if (this.#closing.signal.aborted || clock.elapsed() >= lease.term.extendUntilMs) {
        undeleted += 1;
        this.#end(lease);
      } else {
        resting.push(lease);
        this.#resting.add(lease);
      }
    }
    this.#tellUndeleted(undeleted);
    if (resting.length === 0) return;
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (mostTries - 1)) * (0.5 + clock.random());
    void clock.sleep(pauseMs, this.#closing.signal).then(() => this.#goOn(resting));
  }

  #goOn(leases: readonly Lease[]): void {
    void this.#tens.run(leases.filter((lease) => this.#resting.delete(lease)));
  }

  #end(lease: Lease): void {
    this.#parts.leases.drop(lease);
    this.#left -= 1;
    if (this.#left === 0) this.#gone?.resolve();
  }

  #tellUndeleted(messages: number): void {
    if (messages > 0 && !this.#isOver) this.#parts.report({ kind: "undeleted", messages });
  }
}
