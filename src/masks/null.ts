import { maskFacts, type MaskDefinition, type TextMask } from "./mask.ts";

/** No value at all: NULL in every row, whatever was sent. */
export function createNullMask(definition: MaskDefinition): TextMask {
  return {
    definition,
    ...maskFacts.null,
    form: "nothing",
    apply: (values) => values.map(() => null),
    longestToken: () => 0,
  };
}
