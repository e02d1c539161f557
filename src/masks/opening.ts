import type { Opened } from "./mask.ts";

/** What a column of tokens opened to: the values of those that could be tokens, in their order, around those that could not. */
export function openedAround(unfit: readonly number[], values: readonly (string | null)[]): Opened[] {
  const failed = new Set(unfit);
  let next = 0;
  return Array.from({ length: values.length + failed.size }, (_, index): Opened => {
    const value = failed.has(index) ? null : (values[next++] ?? null);
    return value === null ? { failure: "not_a_token" } : { value };
  });
}
