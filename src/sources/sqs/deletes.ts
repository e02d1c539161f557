import { MasklineError } from "../../errors.ts";
import type { Clock } from "../../pipeline/clock.ts";
import { atMost } from "../../pipeline/deadline.ts";
import type { Report } from "../../pipeline/report.ts";
import type { Lease, Leases } from "./leases.ts";
import type { Queue } from "./queue.ts";
import { Tens } from "./tens.ts";

export interface Deleting {
  readonly queue: Pick<Queue, "deleteBatch">;
  readonly leases: Leases;
  readonly parallelCalls: number;
  readonly clock: Clock;
  readonly report: Report;
}

interface Deletion {
  readonly lease: Lease;
  tries: number;
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
  readonly #tens: Tens<Deletion>;
  /** Failed, and waiting to be tried again. */
  readonly #resting = new Map<Lease, Deletion>();
  readonly #closing = new AbortController();
  #left = 0;
  #isOver = false;
  #failure: MasklineError | null = null;
  #gone: PromiseWithResolvers<void> | null = null;

  constructor(parts: Deleting) {
    this.#parts = parts;
    this.#tens = new Tens(parts.parallelCalls, (ten) => this.#delete(ten));
  }

  /** Why nothing more should be received: deletes fail for good, or too many have failed. */
  get trouble(): MasklineError | null {
    if (this.#failure === null) return null;
    return !this.#failure.retryable || this.#left > mostUndeleted ? this.#failure : null;
  }

  /** Resolves when each has been tried; those that failed are tried again meanwhile. */
  async remove(leases: readonly Lease[]): Promise<void> {
    this.#left += leases.length;
    await this.#tens.run(leases.map((lease) => ({ lease, tries: 0 })));
  }

  /** The lease has a new handle: what waited with the old one need not wait longer. */
  cameAgain(lease: Lease): void {
    const deletion = this.#resting.get(lease);
    if (deletion !== undefined) this.#goOn([deletion]);
  }

  /** Tries what is left once more; what is not deleted within `limitMs` is reported and comes again. */
  async close(limitMs: number): Promise<void> {
    this.#closing.abort();
    this.#goOn([...this.#resting.values()]);
    if (this.#left > 0) {
      this.#gone = Promise.withResolvers();
      await atMost(limitMs, this.#gone.promise, this.#parts.clock);
    }
    this.#tellUndeleted(this.#left);
    // told once: what fails from now on was among them
    this.#isOver = true;
  }

  async #delete(ten: readonly Deletion[]): Promise<boolean> {
    const handles = ten.map(({ lease }) => lease.handle);
    const failed = await this.#parts.queue.deleteBatch(ten.map(({ lease }) => lease)).then(
      (entries) => {
        this.#failure = null;
        return new Set(entries.map(({ place }) => place));
      },
      (error: unknown) => {
        this.#failure = error instanceof MasklineError ? error : null;
        return null;
      },
    );
    const again: Deletion[] = [];
    const rest: Deletion[] = [];
    ten.forEach((deletion, place) => {
      // an answer for an older handle says nothing, whatever it says
      if (deletion.lease.handle !== handles[place]) again.push(deletion);
      else if (failed === null || failed.has(place)) rest.push(deletion);
      else this.#end(deletion);
    });
    void this.#tens.run(again);
    this.#rest(rest);
    return failed !== null && failed.size === 0;
  }

  #rest(deletions: readonly Deletion[]): void {
    if (deletions.length === 0) return;
    const { clock } = this.#parts;
    let undeleted = 0;
    let mostTries = 0;
    const resting: Deletion[] = [];
    for (const deletion of deletions) {
      deletion.tries += 1;
      mostTries = Math.max(mostTries, deletion.tries);
      if (this.#closing.signal.aborted || clock.elapsed() >= deletion.lease.extendUntilMs) {
        undeleted += 1;
        this.#end(deletion);
      } else {
        resting.push(deletion);
        this.#resting.set(deletion.lease, deletion);
      }
    }
    this.#tellUndeleted(undeleted);
    if (resting.length === 0) return;
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (mostTries - 1)) * (0.5 + clock.random());
    void clock.sleep(pauseMs, this.#closing.signal).then(() => this.#goOn(resting));
  }

  #goOn(deletions: readonly Deletion[]): void {
    void this.#tens.run(deletions.filter(({ lease }) => this.#resting.delete(lease)));
  }

  #end({ lease }: Deletion): void {
    this.#parts.leases.drop(lease);
    this.#left -= 1;
    if (this.#left === 0) this.#gone?.resolve();
  }

  #tellUndeleted(messages: number): void {
    if (messages > 0 && !this.#isOver) this.#parts.report({ kind: "undeleted", messages });
  }
}
