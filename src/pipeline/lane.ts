import { MasklineError } from "../errors.ts";
import type { Breaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import { holdsGroups, returnsRefused } from "./groups.ts";
import type { Outage } from "./outage.ts";
import type { Batch, BatchKeys, Delivery, LedgerPosition, Settlement, Sink, Source } from "./ports.ts";
import type { Prepared } from "./prepare.ts";
import { countOutcomes, type Report } from "./report.ts";

type Awaitable<T> = T | Promise<T>;

/** What every lane of a run shares. */
export interface LaneWork {
  readonly run: string;
  readonly source: Source;
  readonly sink: Sink;
  readonly prepare: (deliveries: readonly Delivery[]) => Awaitable<Prepared & Pick<Batch, "keys" | "vault">>;
  /** Fetches the keys again after the sink refused these; false when there are no others to go on with. */
  readonly renewKeys?: (refused: BatchKeys) => Promise<boolean>;
  /** Starts the sealing of one batch; the work is done when the first body is sealed. */
  readonly openSeal: () => Batch["seal"];
  readonly batchRows: number;
  /** A batch goes back to the source when it could not be loaded for so long. */
  readonly holdMs: number;
  /** In a group that keeps its order, a refused message goes back with all behind it, in place of into the quarantine. */
  readonly holdGroups: boolean;
  /** Every refused message goes back, until the source gives up on it. */
  readonly returnRefused?: boolean;
  readonly clock: Clock;
  readonly report: Report;
  readonly allowance: Allowance;
  readonly breaker: Breaker;
  readonly sourceOutage: Outage;
  /** The wish to end: nothing more is received, and what is in work is finished. */
  readonly stop: AbortSignal;
  /** The end of patience after that: what is in work is given up. */
  readonly halt: AbortSignal;
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

/** Pauses before a load is tried again that the database asked to try again, before jitter. After the last the breaker opens. */
const busyPausesMs = [50, 200, 800];
/** How often a rotation may overtake one batch: a key is closed, then the anchor moves. */
const mostRenewals = 3;

/**
 * One loop of receive -> check -> mask -> load -> settle. Asks for the next batch only after it has settled the last, so what a lane
 * holds is never more than one batch. A delivery is settled only after the transaction that holds its effect is committed.
 *
 * While the sink is away the batch is held, and nothing is received; when that lasts too long, or the run is to end, the batch goes
 * back to the source. Any other failure returns the batch and ends the lane.
 */
export class Lane {
  readonly #work: LaneWork;
  readonly #lane: number;
  #received = 0;
  #sequence = 0;
  /** The batch that was given up last, until the ledger says so. Its load may be durable after all. */
  #abandoned: { readonly position: LedgerPosition; readonly messages: number } | null = null;

  constructor(work: LaneWork, lane: number) {
    this.#work = work;
    this.#lane = lane;
  }

  /** @throws what ended the lane before its time */
  async run(): Promise<void> {
    try {
      while (await this.#next());
    } catch (error) {
      // the failure that ended the lane is the one to tell
      await this.#closeAccount().catch(() => {});
      throw error;
    }
    await this.#closeAccount().catch((error: unknown) => {
      if (!isOutage(error)) throw error;
    });
  }

  /** One batch. False when there is nothing more to do. */
  async #next(): Promise<boolean> {
    const { breaker, stop, allowance, batchRows, report } = this.#work;
    await breaker.passage(stop);
    if (stop.aborted) return false;
    if (!(await this.#writeAbandoned())) return true;
    const limit = allowance.take(batchRows);
    if (limit === 0) return false;
    const deliveries = await this.#receive(limit);
    allowance.giveBack(limit - (deliveries?.length ?? 0));
    if (deliveries === null) return false;
    if (deliveries.length === 0) return true;
    this.#received += deliveries.length;
    this.#sequence += 1;
    report({ kind: "received", messages: deliveries.length });
    await this.#handle(deliveries);
    return true;
  }

  async #receive(limit: number): Promise<readonly Delivery[] | null> {
    const { source, sourceOutage, stop } = this.#work;
    while (!stop.aborted) {
      try {
        const deliveries = await source.receive(limit, stop);
        sourceOutage.end();
        return deliveries;
      } catch (error) {
        if (!(error instanceof MasklineError) || !error.retryable) throw error;
        if (stop.aborted) break;
        sourceOutage.begin(error.code);
        await sourceOutage.pause(stop);
      }
    }
    return [];
  }

  async #handle(deliveries: readonly Delivery[]): Promise<void> {
    const { sink, clock, holdMs, stop, halt } = this.#work;
    const position = this.#position();
    // told for the case that this process is killed: the load does not wait for it, and does not fail with it
    const noted = sink.noteReceived(position, halt).catch(() => {});
    const settlements = await this.#load(deliveries, position, clock.elapsed() + holdMs).catch(async (error: unknown) => {
      // a step that someone else has made is nobody's fault: the source looks where it is, and goes on there
      const goesOn = isOutage(error) || isOvertaken(error);
      await this.#giveUp(deliveries, position, goesOn && !stop.aborted ? "later" : "now");
      if (!goesOn) throw error;
      return [];
    });
    if (settlements.length > 0) await this.#settle(settlements);
    await noted;
  }

  /** @param again at once where this process ends: nobody else need wait for it */
  async #giveUp(deliveries: readonly Delivery[], position: LedgerPosition, again: "now" | "later"): Promise<void> {
    this.#abandoned = { position, messages: deliveries.length };
    await this.#settle(deliveries.map((delivery) => ({ delivery, outcome: "returned", again })));
  }

  /** Loads until it is done, the batch has been held too long, or the run ends. */
  async #load(deliveries: readonly Delivery[], position: LedgerPosition, untilMs: number): Promise<readonly Settlement[]> {
    const { breaker, clock, stop } = this.#work;
    for (;;) {
      try {
        const settlements = await this.#loadUnderNewKeys(deliveries, position);
        if (settlements.length === deliveries.length) return settlements;
        throw new MasklineError("internal", `the sink settled ${settlements.length} of ${deliveries.length} deliveries`);
      } catch (error) {
        if (!isOutage(error) || stop.aborted) throw error;
        breaker.trip(error);
        // another lane may find the sink away again before this one has its turn
        while (breaker.isOpen && !stop.aborted && clock.elapsed() < untilMs) await this.#waitForSink(untilMs - clock.elapsed());
        if (stop.aborted || clock.elapsed() >= untilMs) throw error;
      }
    }
  }

  async #waitForSink(atMostMs: number): Promise<void> {
    const { breaker, clock, stop } = this.#work;
    const passed = new AbortController();
    const enough = new AbortController();
    const late = clock.sleep(Math.max(0, atMostMs), passed.signal).then(() => enough.abort());
    await breaker.passage(AbortSignal.any([stop, enough.signal]));
    passed.abort();
    await late;
  }

  /** Prepared again, under the keys of today, when a rotation has overtaken the batch. */
  async #loadUnderNewKeys(deliveries: readonly Delivery[], position: LedgerPosition): Promise<readonly Settlement[]> {
    const { source, prepare, openSeal, holdGroups, returnRefused = false, renewKeys } = this.#work;
    const advance = source.advanceOf?.(deliveries);
    for (let renewals = 0; ; renewals += 1) {
      const { recycle, ...prepared } = await prepare(deliveries);
      const batch: Batch = {
        ...prepared,
        position,
        seal: openSeal(),
        ...(advance === undefined ? {} : { advance }),
        ...(returnRefused ? { heldBack: returnsRefused(deliveries) } : holdGroups ? { heldBack: holdsGroups(deliveries) } : {}),
      };
      try {
        const settlements = await this.#loadUnlessBusy(batch);
        // not where it failed: what was given up may still be on its way to the sink
        recycle?.();
        return settlements;
      } catch (error) {
        const retired = error instanceof MasklineError && error.code === "key_retired";
        if (!retired || batch.keys === undefined || renewals === mostRenewals) throw error;
        if ((await renewKeys?.(batch.keys)) !== true) throw error;
      }
    }
  }

  async #loadUnlessBusy(batch: Batch): Promise<readonly Settlement[]> {
    const { sink, clock, report, stop, halt } = this.#work;
    for (const pauseMs of busyPausesMs) {
      try {
        return await sink.load(batch, halt);
      } catch (error) {
        if (!(error instanceof MasklineError) || error.code !== "database_busy" || stop.aborted) throw error;
        const delayMs = Math.round(pauseMs * (0.5 + clock.random()));
        report({ kind: "retrying", code: error.code, delayMs });
        await clock.sleep(delayMs, stop);
      }
    }
    return sink.load(batch, halt);
  }

  async #settle(settlements: readonly Settlement[]): Promise<void> {
    await this.#work.source.settle(settlements);
    this.#work.report({ kind: "settled", counts: countOutcomes(settlements) });
  }

  /** Whether the ledger says what became of a batch that was given up. */
  async #writeAbandoned(): Promise<boolean> {
    if (this.#abandoned === null) return true;
    try {
      await this.#work.sink.abandon(this.#abandoned.position, this.#abandoned.messages, this.#work.halt);
      this.#abandoned = null;
      return true;
    } catch (error) {
      if (!isOutage(error)) throw error;
      this.#work.breaker.trip(error);
      return false;
    }
  }

  async #closeAccount(): Promise<void> {
    const { sink, breaker, halt } = this.#work;
    // what is not known is not balanced by force, and a sink that is away is not waited for at the end
    if (this.#received === 0 || breaker.isOpen || halt.aborted) return;
    if (this.#abandoned !== null) await sink.abandon(this.#abandoned.position, this.#abandoned.messages, halt);
    this.#sequence += 1;
    await sink.closeLane(this.#position(), halt);
  }

  #position(): LedgerPosition {
    return { run: this.#work.run, lane: this.#lane, sequence: this.#sequence, received: this.#received };
  }
}

function isOvertaken(error: unknown): boolean {
  return error instanceof MasklineError && error.code === "position_moved";
}

/** The sink is away, or too busy: it is not the batch, and nobody has to change anything. */
function isOutage(error: unknown): error is MasklineError {
  return error instanceof MasklineError && (error.code === "database_unreachable" || error.code === "database_busy");
}
