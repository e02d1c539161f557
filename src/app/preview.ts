import type { Fault } from "../contract/fault.ts";
import { findUnknownFields, type UnknownFields } from "../contract/unknown-fields.ts";
import { MasklineError } from "../errors.ts";
import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import type { Delivery, Outcome } from "../pipeline/ports.ts";
import type { MaskedColumn } from "../pipeline/prepare.ts";
import { requireSchema } from "../postgres/migrate.ts";
import type { TableName } from "../postgres/names.ts";
import { rehearse, type Rehearsed } from "../postgres/rehearsal.ts";
import { checkTarget } from "../postgres/target.ts";
import type { QueueFacts } from "../sources/sqs/queue.ts";
import { openKeyRing } from "./assemble-keys.ts";
import { openDatabase, postgresOf } from "./assemble-sink.ts";
import { openQueue, openSource } from "./assemble-source.ts";
import { compareKeys } from "./check.ts";
import type { Settings } from "./config/load.ts";
import { columnDemands, createMasks, preparation } from "./masks.ts";
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
  /** What would be stored, or is already, by column; null for what would be quarantined. */
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
    const { schema } = postgresOf(settings);
    await requireSchema(database, schema);
    const table = settings.target as TableName;
    const columns = await checkTarget(database, table, columnDemands(masked));
    await compareKeys(settings, database, ring);
    const facts = await queue.facts(stop);
    requireReceives(facts, queue.shown);
    request.onReady(facts);
    const load = { schema, table, columns, pipeline: settings.pipeline };
    const source = openSource(settings, queue, null, systemClock, () => {});
    const deliveries = (await source.receive(request.mostMessages, stop)) ?? [];
    try {
      if (stop.aborted) throw new MasklineError("interrupted", "stopped before anything was tried; nothing was stored");
      const { rows, refused } = preparation(settings, masked)(deliveries);
      const rehearsed = await rehearse(database, load, rows, stop);
      const faults = new Map(refused.map(({ delivery, faults: found }) => [delivery, found]));
      const places = new Map(rows.deliveries.map((delivery, place) => [delivery, place]));
      const messages = deliveries.map((delivery): PreviewedMessage => {
        const place = places.get(delivery);
        if (place === undefined) return told(delivery, "quarantined", null, faults.get(delivery) ?? []);
        const answer = rehearsed[place] as Rehearsed;
        if (answer.outcome === "quarantined") return told(delivery, answer.outcome, null, [answer.fault]);
        return told(
          delivery,
          answer.outcome,
          rows.columns.map((column) => column[place] ?? null),
          [],
        );
      });
      const unknown = findUnknownFields(settings.contract, settings.options.identity, deliveries);
      return { columns: columnNames(masked), messages, refusedAlike: refusedAlike(rehearsed), unknown, facts };
    } finally {
      await source.settle(deliveries.map((delivery) => ({ delivery, outcome: "returned" })));
      await source.close();
    }
  } finally {
    queue.close();
    await database.close();
  }
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

function told(
  { id, sentAtMs, attempt }: Delivery,
  outcome: PreviewedMessage["outcome"],
  row: PreviewedMessage["row"],
  faults: readonly Fault[],
): PreviewedMessage {
  return { id, sentAtMs, attempt, outcome, row, faults };
}

function columnNames(masked: readonly MaskedColumn[]): readonly string[] {
  return masked.map(({ column }) => column.name);
}

function refusedAlike(rehearsed: readonly Rehearsed[]): string | null {
  const [first] = rehearsed;
  if (rehearsed.length < 2 || first?.outcome !== "quarantined") return null;
  const { found } = first.fault;
  return rehearsed.every((row) => row.outcome === "quarantined" && row.fault.found === found) ? found : null;
}
