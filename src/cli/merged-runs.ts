import type { RunTotals } from "../pipeline/engine.ts";
import { addCounts, noCounts, type PipelineEvent, type Report } from "../pipeline/report.ts";

/** Of one run, or of several as one. */
export type SeveralTotals = Omit<RunTotals, "run"> & ({ readonly run: string } | { readonly runs: readonly string[] });

/** received = loaded + duplicate + quarantined + returned holds for a sum, too. */
export function sumTotals(totals: readonly RunTotals[]): SeveralTotals {
  return {
    runs: totals.map(({ run }) => run),
    received: totals.reduce((sum, { received }) => sum + received, 0),
    ...totals.reduce(addCounts, noCounts),
  };
}

/** What several processes tell, as if it were one: an outage begins with the first of them and is over with the last. */
export class MergedEvents {
  readonly #report: Report;
  readonly #away = { sink: 0, source: 0 };
  readonly #told = new Set<string>();

  constructor(report: Report) {
    this.#report = report;
  }

  report(event: PipelineEvent): void {
    if (this.#isNew(event)) this.#report(event);
  }

  #isNew(event: PipelineEvent): boolean {
    switch (event.kind) {
      case "outage":
        this.#away[event.of] += 1;
        return this.#away[event.of] === 1;
      case "recovered":
        this.#away[event.of] -= 1;
        return this.#away[event.of] === 0;
      case "key_changed":
      case "key_outdated":
      case "unheard":
      case "unpruned":
        // of all processes together, the same once
        return !this.#told.has(JSON.stringify(event)) && Boolean(this.#told.add(JSON.stringify(event)));
      case "received":
      case "settled":
      case "retrying":
      case "undeleted":
      case "lease_lost":
      case "redelivered":
        return true;
    }
  }
}
