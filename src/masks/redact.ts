import { type Mask, maskFacts, type MaskDefinition } from "./mask.ts";

const redacted = "[redacted]";

/** Says that there was a value, and nothing else about it. */
export function createRedactMask(definition: MaskDefinition): Mask {
  return {
    definition,
    ...maskFacts.redact,
    form: "token",
    apply: (values) => values.map(() => redacted),
    longestToken: () => redacted.length,
  };
}
