import type { BackfillStart } from "../app/backfill.ts";
import { addCounts, type Counts, noCounts, type PipelineEvent } from "../pipeline/report.ts";
import type { Output } from "./output.ts";
import { meter, RunProgress } from "./progress.ts";
import { count } from "./table.ts";

const refreshAfterMs = 100;
/** A rate of less says nothing yet. */
const steadyAfterMs = 1_000;

/** Shows how far files are loaded: bytes as they lie there, rows, and how long it will still take. */
export class FileProgress {
  readonly #output: Output;
  readonly #notices: RunProgress;
  readonly #isShown: boolean;
  #startedAtMs = 0;
  #shownAtMs = 0;
  #bytes = 0;
  #loadedBefore = 0;
  #loadedNow = 0;
  #counts: Counts = noCounts;

  /** @param isShown false: notices only */
  constructor(output: Output, isShown: boolean) {
    this.#output = output;
    this.#notices = new RunProgress(output, null);
    this.#isShown = isShown;
  }

  begin({ bytes, loadedBytes }: BackfillStart): void {
    this.#startedAtMs = performance.now();
    this.#bytes = bytes;
    this.#loadedBefore = loadedBytes;
  }

  readonly report = (event: PipelineEvent): void => {
    if (event.kind === "settled") {
      this.#counts = addCounts(this.#counts, event.counts);
      this.#show();
    } else if ((event.kind === "outage" || event.kind === "recovered") && event.of === "source") {
      // what is away is where the positions are, which the lanes are told of as well
      return;
    } else this.#notices.report(event);
  };

  readonly advanced = (diskBytes: number): void => {
    this.#loadedNow += diskBytes;
  };

  #show(): void {
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#shownAtMs < refreshAfterMs) return;
    this.#shownAtMs = nowMs;
    const seconds = Math.max(0.001, (nowMs - this.#startedAtMs) / 1_000);
    const { loaded, duplicate, quarantined } = this.#counts;
    const done = Math.min(this.#bytes, this.#loadedBefore + this.#loadedNow);
    const rate = this.#loadedNow / seconds;
    const left = nowMs - this.#startedAtMs < steadyAfterMs || rate === 0 ? "" : `  ${duration((this.#bytes - done) / rate)} left`;
    const others = duplicate === 0 ? "" : `  ${count(duplicate)} duplicate`;
    this.#output.progress(
      `${meter(this.#bytes === 0 ? 1 : done / this.#bytes)} ${size(done)} of ${size(this.#bytes)}  ${count(loaded)} rows${others}  ${count(quarantined)} quarantined  ${count(Math.round(loaded / seconds))}/s${left}`,
    );
  }
}

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** Decimal units, as disks are sold. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 90) return `${whole} s`;
  return whole < 5_400 ? `${Math.ceil(whole / 60)} min` : `${Math.round(whole / 360) / 10} h`;
}
