import { countCharacters } from "../contract/text.ts";
import { maskFacts, type MaskDefinition, type TextMask } from "./mask.ts";
import { settingOf } from "./settings.ts";

/** The same text of the user's own in every row that has a value. */
export function createConstantMask(definition: MaskDefinition): TextMask {
  const value = settingOf(definition, "value");
  return {
    definition,
    ...maskFacts.constant,
    form: "token",
    apply: (values) => values.map(() => value),
    longestToken: () => countCharacters(value),
  };
}
