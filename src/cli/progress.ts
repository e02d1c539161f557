import { addCounts, type Counts, noCounts, type PipelineEvent } from "../pipeline/report.ts";
import type { Output } from "./output.ts";
import { count, messages } from "./table.ts";

const refreshAfterMs = 100;

/** Shows a run while it goes on: one line that is rewritten on a terminal, notices as lines of their own. */
export class RunProgress {
  readonly #output: Output;
  readonly #expected: number | null;
  readonly #startedAtMs = performance.now();
  #counts: Counts = noCounts;
  #shownAtMs = 0;

  /** @param expected how many deliveries will come, where that is known */
  constructor(output: Output, expected: number | null) {
    this.#output = output;
    this.#expected = expected;
  }

  report(event: PipelineEvent): void {
    switch (event.kind) {
      case "received":
        return;
      case "settled":
        this.#counts = addCounts(this.#counts, event.counts);
        return this.#show();
      case "retrying":
        return this.#output.say(`the database is busy (${event.code}): trying again in ${event.delayMs} ms`);
      case "outage":
        return this.#output.say(`${event.of === "sink" ? "the database" : "the queue"} is away (${event.code}): waiting for it`);
      case "recovered":
        return this.#output.say(
          `${event.of === "sink" ? "the database" : "the queue"} is back after ${count(event.afterMs / 1_000)} s`,
        );
      case "redelivered":
      case "lease_lost":
        return;
      case "undeleted":
        return this.#output.say(
          `${messages(event.messages)} could not be deleted: to come again, and to count as ${event.messages === 1 ? "a duplicate" : "duplicates"}`,
        );
      case "key_changed":
        return this.#output.say(`the ring was rotated: masking under root key ${event.keyId} from now on`);
      case "key_outdated":
        return this.#output.say(
          `the ring was rotated, and this process still has the old one (root key ${event.keyId}${event.code === null ? "" : `; ${event.code}`}): give it the new ring before the key is closed`,
        );
      case "unheard":
        return this.#output.say(
          `this process cannot tell the database that it is alive (${event.code}): maskline ledger and keys rekey take it for dead until it can${event.code === "database_denied" ? "; its role has to write to the table replica (SECURITY.md)" : ""}`,
        );
      case "unpruned":
        return this.#output.say(
          event.code === null
            ? "old receipts are not removed by this process: its role may not; let maskline prune do it, now and then"
            : `old receipts could not be removed (${event.code}); it is tried again every hour`,
        );
    }
  }

  #show(): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownAtMs < refreshAfterMs) return;
    this.#shownAtMs = nowMs;
    const { loaded, duplicate, quarantined, returned } = this.#counts;
    const received = loaded + duplicate + quarantined + returned;
    const perSecond = Math.round(received / Math.max(0.001, (nowMs - this.#startedAtMs) / 1_000));
    const bar = this.#expected === null ? "" : `${meter(received / this.#expected)} `;
    this.#output.progress(
      `${bar}${count(received)} received  ${count(loaded)} loaded  ${count(duplicate)} duplicate  ${count(quarantined)} quarantined  ${count(perSecond)}/s`,
    );
  }
}

/** A bar of fixed width. */
export function meter(share: number): string {
  const width = 24;
  const filled = Math.min(width, Math.round(share * width));
  return `[${"=".repeat(filled)}${" ".repeat(width - filled)}]`;
}
