import type { ContractReader } from "../contract/contract-reader.ts";
import type { Masking } from "./masking.ts";
import type { Delivery, Refusal, Rows } from "./ports.ts";

/** What a batch of deliveries came to: rows ready to load, and what cannot become one. Every delivery is in exactly one of them. */
export interface Prepared {
  readonly rows: Rows;
  readonly refused: readonly Refusal[];
}

/** Checks and masks a batch. Pure: what the two keep from batch to batch is memory only. */
export function prepare(deliveries: readonly Delivery[], reader: ContractReader, masking: Masking): Prepared {
  const ids: (string | null)[] = [];
  const rows = { columns: masking.begin(deliveries.length), ids };
  const refused: Refusal[] = [];
  const unfit = new Set<Delivery>();
  for (const delivery of deliveries) {
    const refusal = reader.append(delivery, rows);
    if (refusal === null) continue;
    refused.push({ delivery, id: refusal.id, faults: refusal.faults });
    unfit.add(delivery);
  }
  const fit = unfit.size === 0 ? deliveries : deliveries.filter((delivery) => !unfit.has(delivery));
  const { columns, refused: unmasked } = masking.finish();
  for (const [row, faults] of unmasked) refused.push({ delivery: fit[row] as Delivery, id: idOf(fit, ids, row), faults });
  if (unmasked.size === 0) return { rows: rowsOf(fit, ids, columns), refused };
  const isLeft = (_: unknown, row: number): boolean => !unmasked.has(row);
  return { rows: rowsOf(fit.filter(isLeft), ids.filter(isLeft), columns), refused };
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
