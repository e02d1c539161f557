import { maskFacts, type MaskDefinition, type TextMask } from "./mask.ts";

const redacted = "[redacted]";

/** Says that there was a value, and nothing else about it. */
export function createRedactMask(definition: MaskDefinition): TextMask {
  return {
    definition,
    ...maskFacts.redact,
    form: "token",
    apply: (values) => values.map(() => redacted),
    longestToken: () => redacted.length,
  };
}
