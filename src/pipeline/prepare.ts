import type { ContractReader } from "../contract/contract-reader.ts";
import type { Masking } from "./masking.ts";
import type { Delivery, Refusal, Rows } from "./ports.ts";

/** What a batch of deliveries came to: rows ready to load, and what cannot become one. Every delivery is in exactly one of them. */
export interface Prepared {
  readonly rows: Rows;
  readonly refused: readonly Refusal[];
  /** To be called when nobody looks at the rows' columns any more: their memory serves for another batch. */
  readonly recycle?: () => void;
}

/** So many deliveries at once: enough for what a call of a cipher costs, few enough that their values are still in the processor's cache. */
const sliceRows = 2_048;

/** Checks and masks batches, one after the other. Pure: what it keeps from batch to batch is memory only. */
export class Preparation {
  readonly #reader: ContractReader;
  readonly #masking: Masking;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(reader: ContractReader, masking: Masking) {
    this.#reader = reader;
    this.#masking = masking;
  }

  prepare(deliveries: readonly Delivery[]): Prepared {
    const slices = this.#slices(deliveries);
    for (;;) {
      const slice = slices.next();
      if (slice.done === true) return slice.value;
    }
  }

  /** The same for one of several lanes: what is on its way to the sink meanwhile goes on between the slices of a large batch. */
  async prepareInTurn(deliveries: readonly Delivery[]): Promise<Prepared> {
    const prepared = this.#turn.then(async () => {
      const slices = this.#slices(deliveries);
      for (;;) {
        const slice = slices.next();
        if (slice.done === true) return slice.value;
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    this.#turn = prepared.catch(() => {});
    return prepared;
  }

  /** Stops between slices. */
  *#slices(deliveries: readonly Delivery[]): Generator<void, Prepared> {
    const masking = this.#masking;
    const ids: (string | null)[] = [];
    const rows = { columns: masking.begin(deliveries.length), ids };
    const refused: Refusal[] = [];
    for (let from = 0; ; from += sliceRows) {
      this.#read(deliveries, from, rows, refused);
      if (from + sliceRows >= deliveries.length) break;
      masking.mask();
      yield;
    }
    const { columns, refused: unmasked } = masking.finish();
    const recycle = (): void => masking.recycle(columns);
    const unfit = new Set(refused.map(({ delivery }) => delivery));
    const fit = unfit.size === 0 ? deliveries : deliveries.filter((delivery) => !unfit.has(delivery));
    for (const [row, faults] of unmasked) refused.push({ delivery: fit[row] as Delivery, id: idOf(fit, ids, row), faults });
    if (unmasked.size === 0) return { rows: rowsOf(fit, ids, columns), refused, recycle };
    const isLeft = (_: unknown, row: number): boolean => !unmasked.has(row);
    return { rows: rowsOf(fit.filter(isLeft), ids.filter(isLeft), columns), refused, recycle };
  }

  #read(deliveries: readonly Delivery[], from: number, rows: Parameters<ContractReader["append"]>[1], refused: Refusal[]): void {
    const to = Math.min(from + sliceRows, deliveries.length);
    for (let index = from; index < to; index += 1) {
      const delivery = deliveries[index] as Delivery;
      const refusal = this.#reader.append(delivery, rows);
      if (refusal !== null) refused.push({ delivery, id: refusal.id, faults: refusal.faults });
    }
  }
}

/** Whoever loads rows without receipts does not ask for ids, and they are not made then. */
function rowsOf(deliveries: readonly Delivery[], own: readonly (string | null)[], columns: Rows["columns"]): Rows {
  let ids: readonly string[] | null = null;
  return {
    deliveries,
    get ids() {
      ids ??= deliveries.map((_, row) => idOf(deliveries, own, row));
      return ids;
    },
    columns,
  };
}

function idOf(deliveries: readonly Delivery[], own: readonly (string | null)[], row: number): string {
  return own[row] ?? (deliveries[row] as Delivery).id;
}
