import type { Opened } from "./mask.ts";

/** What a column of tokens opened to: the values of those that could be tokens, in their order, around those that could not. */
export function openedAround(unfit: readonly number[], values: readonly (string | null)[]): Opened[] {
  const opened = values.map((value): Opened => (value === null ? { failure: "not_a_token" } : { value }));
  if (unfit.length === 0) return opened;
  const failed = new Set(unfit);
  let next = 0;
  return Array.from({ length: opened.length + failed.size }, (_, index) =>
    failed.has(index) ? { failure: "not_a_token" } : (opened[next++] as Opened),
  );
}
