import { type Input, textsOf, wholeOf } from "./input.ts";

/** A ReceiveMessage, read. */
export interface ReceiveWish {
  readonly limit: number;
  readonly waitMs: number;
  /** Null for the queue's own. */
  readonly visibilityMs: number | null;
  /** System attributes. */
  readonly attributes: "all" | "none" | ReadonlySet<string>;
}

export function readReceiveWish(input: Input, queueWaitMs: number): ReceiveWish {
  const names = [...textsOf(input, "AttributeNames"), ...textsOf(input, "MessageSystemAttributeNames")];
  const waitSeconds = wholeOf(input, "WaitTimeSeconds", 0, 20);
  const visibilitySeconds = wholeOf(input, "VisibilityTimeout", 0, 43_200);
  return {
    limit: wholeOf(input, "MaxNumberOfMessages", 1, 10) ?? 1,
    waitMs: waitSeconds === null ? queueWaitMs : waitSeconds * 1_000,
    visibilityMs: visibilitySeconds === null ? null : visibilitySeconds * 1_000,
    attributes: names.length === 0 ? "none" : names.includes("All") ? "all" : new Set(names),
  };
}
