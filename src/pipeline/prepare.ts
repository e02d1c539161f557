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
  const ids: string[] = [];
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
  const masked = masking.finish();
  for (const [row, faults] of masked.refused) refused.push({ delivery: fit[row] as Delivery, id: ids[row] as string, faults });
  if (masked.refused.size === 0) return { rows: { deliveries: fit, ids, columns: masked.columns }, refused };
  const isLeft = (_: unknown, row: number): boolean => !masked.refused.has(row);
  return { rows: { deliveries: fit.filter(isLeft), ids: ids.filter(isLeft), columns: masked.columns }, refused };
}
