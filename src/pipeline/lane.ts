import { MasklineError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { Batch, BatchKeys, Delivery, LedgerPosition, Settlement, Sink, Source } from "./ports.ts";
import type { Prepared } from "./prepare.ts";
import { countOutcomes, type Report } from "./report.ts";

/** What every lane of a run shares. */
export interface LaneWork {
  readonly run: string;
  readonly source: Source;
  readonly sink: Sink;
  readonly prepare: (deliveries: readonly Delivery[]) => Prepared & Pick<Batch, "keys">;
  /** Fetches the keys again after the sink refused these; false when there are no others to go on with. */
  readonly renewKeys?: (refused: BatchKeys) => Promise<boolean>;
  /** Starts the sealing of one batch; the work is done when the first body is sealed. */
  readonly openSeal: () => Batch["seal"];
  readonly batchRows: number;
  readonly clock: Clock;
  readonly report: Report;
  readonly allowance: Allowance;
}

/** How many deliveries a run may still receive; shared by its lanes. */
export class Allowance {
  #left: number;

  constructor(deliveries: number) {
    this.#left = deliveries;
  }

  /** Up to `wanted`; 0 when the run has had its share. */
  take(wanted: number): number {
    const taken = Math.min(wanted, this.#left);
    this.#left -= taken;
    return taken;
  }

  giveBack(unused: number): void {
    this.#left += unused;
  }
}

/** Pauses between attempts, before jitter. After the last one the failure ends the run. */
const receivePausesMs = [500, 1_000, 2_000, 4_000, 8_000];
const loadPausesMs = [50, 200, 800];

/**
 * One loop of receive -> check -> mask -> load -> settle. Asks for the next batch only after it has settled the last, so what a lane
 * holds is never more than one batch. A delivery is settled only after the transaction that holds its effect is committed; when the
 * load fails, the batch is returned to the source and the failure ends the lane.
 */
export async function runLane(work: LaneWork, lane: number, stop: AbortSignal): Promise<void> {
  const { run, source, sink, report } = work;
  let received = 0;
  let sequence = 0;
  let returned = 0;
  const position = (): LedgerPosition => ({ run, lane, sequence, received, returned });
  const settle = async (settlements: readonly Settlement[]): Promise<void> => {
    await source.settle(settlements);
    report({ kind: "settled", counts: countOutcomes(settlements) });
  };

  try {
    while (!stop.aborted) {
      const limit = work.allowance.take(work.batchRows);
      if (limit === 0) break;
      const deliveries = await receive(work, limit, stop);
      work.allowance.giveBack(limit - (deliveries?.length ?? 0));
      if (deliveries === null) break;
      if (deliveries.length === 0) continue;
      received += deliveries.length;
      report({ kind: "received", messages: deliveries.length });
      sequence += 1;
      let settlements: readonly Settlement[];
      try {
        settlements = await loadUnderNewKeys(work, stop, () => ({
          ...work.prepare(deliveries),
          position: position(),
          seal: work.openSeal(),
        }));
        if (settlements.length !== deliveries.length) {
          throw new MasklineError("internal", `the sink settled ${settlements.length} of ${deliveries.length} deliveries`);
        }
      } catch (error) {
        returned += deliveries.length;
        await settle(deliveries.map((delivery) => ({ delivery, outcome: "returned" })));
        throw error;
      }
      returned = 0;
      await settle(settlements);
    }
  } catch (error) {
    // The account is closed as far as the database lets us; the failure that ended the lane is the one to tell. After an outage it is
    // not known whether the last batch is durable: then the run stays open, and nothing is balanced by force.
    if (!isOutage(error)) await closeAccount().catch(() => {});
    throw error;
  }
  await closeAccount();

  async function closeAccount(): Promise<void> {
    if (received === 0) return;
    sequence += 1;
    await sink.closeLane(position());
  }
}

async function receive(work: LaneWork, limit: number, stop: AbortSignal): Promise<readonly Delivery[] | null> {
  try {
    return await withRetries(work, receivePausesMs, isRetryable, stop, () => work.source.receive(limit, stop));
  } catch (error) {
    if (stop.aborted && isRetryable(error)) return [];
    throw error;
  }
}

/** How often a rotation may overtake one batch: a key is closed, then the anchor moves. */
const mostRenewals = 3;

/** Loads what `prepare` makes; prepared again, under the keys of today, when a rotation has overtaken it. */
async function loadUnderNewKeys(work: LaneWork, stop: AbortSignal, prepare: () => Batch): Promise<readonly Settlement[]> {
  for (let renewals = 0; ; renewals += 1) {
    const batch = prepare();
    try {
      return await withRetries(work, loadPausesMs, isBusy, stop, () => work.sink.load(batch));
    } catch (error) {
      const retired = error instanceof MasklineError && error.code === "key_retired";
      if (!retired || batch.keys === undefined || renewals === mostRenewals) throw error;
      if ((await work.renewKeys?.(batch.keys)) !== true) throw error;
    }
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof MasklineError && error.code === "database_unreachable";
}

/** Only when the database has answered that nothing was done: after a lost connection it is unknown, and the batch is returned instead. */
function isBusy(error: unknown): boolean {
  return error instanceof MasklineError && error.code === "database_busy";
}

function isRetryable(error: unknown): boolean {
  return error instanceof MasklineError && error.retryable;
}

async function withRetries<T>(
  { clock, report }: LaneWork,
  pausesMs: readonly number[],
  retryable: (error: unknown) => boolean,
  stop: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof MasklineError) || !retryable(error) || stop.aborted) throw error;
      const delayMs = Math.round(pauseMs * (0.5 + clock.random()));
      report({ kind: "retrying", code: error.code, delayMs });
      await clock.sleep(delayMs, stop);
    }
  }
  return attempt();
}
