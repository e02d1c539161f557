import type { Batch, Delivery, Refusal, Rows, Settlement } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import { refusalFault } from "./refusal-fault.ts";
import type { RefusedRow } from "./refused-rows.ts";

/** A batch as it is written. Every delivery of the batch is in exactly one of its parts. */
export interface BatchPart {
  readonly rows: Rows;
  readonly refused: readonly Refusal[];
  /** Further deliveries of a message that is in the batch already: duplicates. */
  readonly repeated: readonly Repeat[];
  /** Go back to the source, unwritten: a refused message holds up its group. */
  readonly heldBack: readonly Delivery[];
}

type Repeat = Pick<Refusal, "delivery" | "id">;

/**
 * A message that stands in the batch more than once has its effect once; the further deliveries are duplicates. In a step of a stream
 * (`Batch.advance`) no message stands twice: the place in the stream is what makes it itself.
 */
export function withoutRepeats(batch: Batch): BatchPart {
  if (batch.advance !== undefined) return { rows: batch.rows, refused: batch.refused, repeated: [], heldBack: [] };
  const seen = new Set<string>();
  const repeated: Repeat[] = [];
  const first = (delivery: Delivery, id: string): boolean => {
    if (!seen.has(id)) return Boolean(seen.add(id));
    repeated.push({ delivery, id });
    return false;
  };
  const { deliveries, ids } = batch.rows;
  const rows = keepRows(batch.rows, (row) => first(deliveries[row] as Delivery, ids[row] as string));
  const refused = batch.refused.filter(({ delivery, id }) => first(delivery, id));
  return { rows, refused, repeated, heldBack: [] };
}

/** Moves rows that the database does not take to the refused. */
export function withoutOffenders(part: BatchPart, offenders: readonly RefusedRow[]): BatchPart {
  const { deliveries, ids } = part.rows;
  const refusedAt = new Set(offenders.map(({ place }) => place));
  const refusals = offenders.map(({ place, failure }): Refusal => {
    const fault = refusalFault(failure);
    const delivery = deliveries[place] as Delivery;
    // rows of a stream have no ids of their own
    return { delivery, id: ids[place] ?? delivery.id, faults: [fault] };
  });
  return { ...part, rows: keepRows(part.rows, (row) => !refusedAt.has(row)), refused: [...part.refused, ...refusals] };
}

/**
 * Where refused messages hold up others (`Batch.heldBack`): takes out of all parts what goes back to the source because of them. A further
 * delivery of a message that goes back is no duplicate, since nothing is written of it: it goes back too, and holds up what is behind it.
 * @param refused the refused messages that hold up others: those that have had their effect already do not
 */
export function withoutHeldBack(part: BatchPart, heldBack: Batch["heldBack"], refused: readonly Refusal[]): BatchPart {
  if (heldBack === undefined || refused.length === 0) return part;
  const causes = refused.map(({ delivery }) => delivery);
  const { deliveries, ids } = part.rows;
  const held = new Set(heldBack(causes));
  const isHeld = ({ delivery }: Repeat): boolean => held.has(delivery);
  for (;;) {
    const goingBack = new Set([
      ...ids.filter((_, row) => held.has(deliveries[row] as Delivery)),
      ...part.refused.filter(isHeld).map(({ id }) => id),
    ]);
    const drawnAlong = part.repeated.filter((repeat) => goingBack.has(repeat.id) && !isHeld(repeat));
    if (drawnAlong.length === 0) break;
    for (const { delivery } of drawnAlong) {
      held.add(delivery);
      causes.push(delivery);
    }
    for (const delivery of heldBack(causes)) held.add(delivery);
  }
  return sendBack(part, isHeld);
}

/** Takes out what is not durable, where a load in which messages were held back is looked up: that went back, or has to. */
export function withoutUnknown(part: BatchPart, known: ReadonlySet<string>): BatchPart {
  return sendBack(part, ({ id }) => !known.has(id));
}

function sendBack(part: BatchPart, goesBack: (message: Repeat) => boolean): BatchPart {
  const { deliveries, ids } = part.rows;
  const all = [...deliveries.map((delivery, row) => ({ delivery, id: ids[row] as string })), ...part.refused, ...part.repeated];
  const back = new Set(all.filter(goesBack).map(({ delivery }) => delivery));
  return {
    rows: keepRows(part.rows, (row) => !back.has(deliveries[row] as Delivery)),
    refused: part.refused.filter(({ delivery }) => !back.has(delivery)),
    repeated: part.repeated.filter(({ delivery }) => !back.has(delivery)),
    heldBack: [...part.heldBack, ...back],
  };
}

/**
 * What became of a part that was written, by the counts of what was new. Which of the loaded rows were not new, and which were skipped, is
 * not known to a count; all of them are to be deleted.
 */
export function settleByCounts(
  { rows, refused, repeated, heldBack }: BatchPart,
  counts: { readonly loaded: number; readonly quarantined: number },
): readonly Settlement[] {
  return [
    ...rows.deliveries.map((delivery, place): Settlement => ({
      delivery,
      outcome: place < counts.loaded ? "loaded" : "duplicate",
    })),
    ...refused.map(({ delivery }, place): Settlement => ({
      delivery,
      outcome: place < counts.quarantined ? "quarantined" : "duplicate",
    })),
    ...settleRest({ repeated, heldBack }),
  ];
}

/** What of a part that was written was not new, by its places: counted from 1, the refused behind the rows. */
export class KnownPlaces {
  readonly #places: Buffer | null;

  /** @param places four bytes each, in their order; null where all were new */
  constructor(places: Buffer | null) {
    this.#places = places;
  }

  /** How many there are. */
  get count(): number {
    return (this.#places?.length ?? 0) / placeBytes;
  }

  /** The places of the rows that were new, counted from 0. */
  others(rows: number): readonly number[] {
    const places: number[] = [];
    let next = 0;
    for (let row = 0; row < rows; row += 1) {
      if (this.at(next) === row + 1) next += 1;
      else places.push(row);
    }
    return places;
  }

  /** Whether a row was new, by its place counted from 0. */
  isNewIn(rows: number): (row: number) => boolean {
    if (this.count === 0) return () => true;
    const others = new Set(this.others(rows));
    return (row) => others.has(row);
  }

  at(index: number): number {
    return this.#places === null || index >= this.count ? 0 : this.#places.readInt32BE(index * placeBytes);
  }
}

const placeBytes = 4;

/**
 * What became of a part that was written, by the messages that were not new.
 * @param stored how many of the new rows are in the table: which were skipped is not known, see `settleByCounts`
 */
export function settleByReceipts(
  { rows, refused, repeated, heldBack }: BatchPart,
  known: KnownPlaces,
  stored: number,
): readonly Settlement[] {
  const { deliveries } = rows;
  const settlements: Settlement[] = [];
  let next = 0;
  let left = stored;
  for (let row = 0; row < deliveries.length; row += 1) {
    const delivery = deliveries[row] as Delivery;
    if (known.at(next) === row + 1) {
      next += 1;
      settlements.push({ delivery, outcome: "duplicate" });
    } else settlements.push({ delivery, outcome: left-- > 0 ? "loaded" : "duplicate" });
  }
  for (const [index, { delivery }] of refused.entries()) {
    const isKnown = known.at(next) === deliveries.length + index + 1;
    if (isKnown) next += 1;
    settlements.push({ delivery, outcome: isKnown ? "duplicate" : "quarantined" });
  }
  settlements.push(...settleRest({ repeated, heldBack }));
  return settlements;
}

/** Those of the refused that were new. */
export function newlyRefused({ rows, refused }: BatchPart, known: KnownPlaces): readonly Refusal[] {
  const places = new Set(Array.from({ length: known.count }, (_, index) => known.at(index)));
  return refused.filter((_, index) => !places.has(rows.deliveries.length + index + 1));
}

function settleRest({ repeated, heldBack }: Pick<BatchPart, "repeated" | "heldBack">): readonly Settlement[] {
  return [
    ...repeated.map(({ delivery }): Settlement => ({ delivery, outcome: "duplicate" })),
    ...heldBack.map((delivery): Settlement => ({ delivery, outcome: "returned", again: "later" })),
  ];
}

function keepRows(rows: Rows, keeps: (row: number) => boolean): Rows {
  return selectRows(
    rows,
    rows.deliveries.flatMap((_, row) => (keeps(row) ? [row] : [])),
  );
}
