import type { Fault } from "../../../src/contract/fault.ts";
import { TextColumn } from "../../../src/contract/text-column.ts";
import type { Batch } from "../../../src/pipeline/ports.ts";

/** The batch as it would be if the database had refused every row of it. */
export function allRefused(batch: Batch): Batch {
  const { rows, refused } = batch;
  const fault: Fault = { reason: "refused_by_database", path: "", expected: "a row the table accepts", found: "SQLSTATE 00000" };
  const refusals = rows.deliveries.map((delivery, row) => ({ delivery, id: rows.ids[row] ?? delivery.id, faults: [fault] }));
  return {
    ...batch,
    rows: { deliveries: [], ids: [], columns: rows.columns.map(() => new TextColumn()) },
    refused: [...refused, ...refusals],
  };
}
