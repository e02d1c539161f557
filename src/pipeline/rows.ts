import type { Delivery, Rows } from "./ports.ts";

/** The rows at the given places, in that order. */
export function selectRows(rows: Rows, places: readonly number[]): Rows {
  if (places.length === rows.deliveries.length) return rows;
  return {
    deliveries: places.map((place) => rows.deliveries[place] as Delivery),
    ids: rows.ids.length === 0 ? [] : places.map((place) => rows.ids[place] as string),
    columns: rows.columns.map((column) => column.select(places)),
  };
}
