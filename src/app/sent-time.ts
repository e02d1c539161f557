import type { Settings } from "./config/load.ts";

/** The column that holds the sent time, in whatever type. */
export function sentTimeColumn({ contract }: Settings): string | null {
  return contract.columns.find(({ from }) => from === "$sent_at")?.name ?? null;
}

/** The column of the sent time that days can be told from: it holds days or points in time. */
export function sentDayColumn({ contract }: Settings): string | null {
  return contract.columns.find(({ from, type }) => from === "$sent_at" && (type === "date" || type === "timestamp"))?.name ?? null;
}
