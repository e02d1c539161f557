import type { Fault } from "../contract/fault.ts";
import { findUnknownFields, type UnknownFields } from "../contract/unknown-fields.ts";
import { MasklineError } from "../errors.ts";
import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import type { Delivery, Outcome, Rows } from "../pipeline/ports.ts";
import { rehearse, type Rehearsed } from "../postgres/rehearsal.ts";
import type { QueueFacts } from "../sources/sqs/queue.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openDatabase, openTarget } from "./assemble-sink.ts";
import { openGlimpse, openQueue } from "./assemble-source.ts";
import { compareKeys } from "./check.ts";
import type { Settings } from "./config/load.ts";
import { createMasks, preparation } from "./masks.ts";
import { systemClock } from "./system-clock.ts";

export interface PreviewRequest {
  readonly mostMessages: number;
  /** Called when everything is checked, before the one receive. */
  readonly onReady: (facts: QueueFacts) => void;
}

/** What a load would make of one message. */
export interface PreviewedMessage {
  readonly id: string;
  readonly sentAtMs: number | null;
  /** How often it has been received, this time included. */
  readonly attempt: number;
  readonly outcome: Exclude<Outcome, "returned">;
  /** What would be stored, or was before, by column; null where there is no row. */
  readonly row: readonly (string | null)[] | null;
  /** Why it would be quarantined. */
  readonly faults: readonly Fault[];
}

export interface Preview {
  readonly columns: readonly string[];
  /** In the order in which they came. */
  readonly messages: readonly PreviewedMessage[];
  /** Why the table refuses every row, where that is one reason: a run would stop then, and quarantine nothing. */
  readonly refusedAlike: string | null;
  readonly unknown: UnknownFields;
  /** How many come back only when their visibility timeout is over: the queue did not take them back. */
  readonly notGivenBack: number;
  readonly facts: QueueFacts;
}

/**
 * Puts real messages through everything, and gives them back: contract, masks and load, in a transaction that is rolled back. Stores
 * nothing: no receipt, no ledger, no definition, no process. So it works beside running pipelines, and for one that stands still.
 */
export async function preview(settings: Settings, request: PreviewRequest, stop: AbortSignal): Promise<Preview> {
  selfTest();
  await sealingSelfTest();
  const ring = await openKeyRing(settings);
  const masked = createMasks(settings.columns, ring);
  const queue = openQueue(settings);
  const database = openDatabase(settings);
  try {
    const target = await openTarget(settings, masked, database);
    await compareKeys(settings, database, ring);
    const facts = await queue.facts(stop);
    requireReceives(facts, queue.shown);
    request.onReady(facts);
    const glimpse = await openGlimpse(settings, queue, facts, request.mostMessages, systemClock, stop);
    const { deliveries } = glimpse;
    const [tried] = await Promise.allSettled([tryAll(deliveries)]);
    const notGivenBack = await glimpse.giveBack();
    if (tried.status === "rejected") throw tried.reason;
    const unknown = findUnknownFields(settings.contract, settings.options.identity, deliveries);
    return { columns: masked.map(({ column }) => column.name), ...tried.value, unknown, facts, notGivenBack };

    async function tryAll(received: readonly Delivery[]): Promise<Pick<Preview, "messages" | "refusedAlike">> {
      try {
        if (stop.aborted) throw stopped();
        const prepared = preparation(settings, masked).prepare(received);
        const rehearsed = await rehearse(database, { ...target, pipeline: settings.pipeline }, prepared, stop);
        return { messages: describe(received, prepared.rows, rehearsed), refusedAlike: refusedAlike(prepared.rows, rehearsed) };
      } catch (error) {
        throw stop.aborted ? stopped() : error;
      }
    }
  } finally {
    queue.close();
    await database.close();
  }
}

function stopped(): MasklineError {
  return new MasklineError("interrupted", "stopped before all was tried; nothing was stored, and what was received is given back");
}

/** A message that may be received once is not there for the run any more once a preview has had it. */
function requireReceives({ maxReceiveCount }: QueueFacts, shown: string): void {
  if (maxReceiveCount !== 1) return;
  throw new MasklineError(
    "queue_unfit",
    `a preview would cost every message it shows: the queue's maxReceiveCount is 1, so what was received once goes to the dead-letter queue (${shown})`,
    { next: "raise maxReceiveCount in the queue's redrive policy, to 5 or so; without receiving: maskline mask < events.ndjson" },
  );
}

function describe(
  deliveries: readonly Delivery[],
  rows: Rows,
  rehearsed: ReadonlyMap<Delivery, Rehearsed>,
): readonly PreviewedMessage[] {
  const places = new Map(rows.deliveries.map((delivery, place) => [delivery, place]));
  return deliveries.map((delivery): PreviewedMessage => {
    const { id, sentAtMs, attempt } = delivery;
    const { outcome, faults } = rehearsed.get(delivery) as Rehearsed;
    const place = outcome === "quarantined" ? undefined : places.get(delivery);
    const row = place === undefined ? null : rows.columns.map((column) => column.at(place));
    return { id, sentAtMs, attempt, outcome, row, faults };
  });
}

function refusedAlike(rows: Rows, rehearsed: ReadonlyMap<Delivery, Rehearsed>): string | null {
  const tried = rows.deliveries.map((delivery) => rehearsed.get(delivery)).filter((row) => row?.outcome !== "duplicate");
  const reasons = new Set(tried.map((row) => row?.faults[0]?.found ?? null));
  const [reason = null] = reasons;
  return tried.length > 1 && reasons.size === 1 ? reason : null;
}
