import { type Mask, maskFacts, type MaskDefinition } from "./mask.ts";

/** No value at all: NULL in every row, whatever was sent. */
export function createNullMask(definition: MaskDefinition): Mask {
  return {
    definition,
    ...maskFacts.null,
    form: "nothing",
    apply: (values) => values.map(() => null),
    longestToken: () => 0,
  };
}
