import { MasklineError } from "../errors.ts";
import { createFf1Cipher } from "./ff1/cipher.ts";
import { createFf1Format } from "./ff1/format.ts";
import { ff1Problem } from "./ff1/problem.ts";
import { type DomainKeys, maskFacts, type MaskDefinition, type ReversibleMask, type TextMask } from "./mask.ts";
import { openedAround } from "./opening.ts";

/**
 * Keeps the format: digits become other digits, `593-47-5928` under the template `###-##-####` another such number. FF1 (NIST SP
 * 800-38G) with AES-256: a key of 32 bytes. (FF3 is not offered: the revision of 2025 drops it.)
 *
 * - `alphabet`: `digits` (default), `hex`, `lowercase`, `uppercase`, `base36` (digits, then lower case), `base62` (digits, upper
 *   case, lower case) or the characters themselves; their order is part of every token.
 * - `template`: `#` stands for a character of the alphabet, everything else for itself. Without one every character of a value must
 *   be of the alphabet.
 * - `tweak`: UTF-8 text, empty by default.
 *
 * A value of another form, of fewer than 10^6 possible ones or of more than 1,024 characters is refused. Nothing in a token says
 * which key made it, or that it is one: a wrong key opens it to a wrong value of the same form.
 */
export function createFf1Mask(definition: MaskDefinition, { primary }: DomainKeys): TextMask<ReversibleMask> {
  const { settings } = definition;
  const problem = ff1Problem(settings, null);
  if (problem !== null) throw new MasklineError("config_invalid", `ff1: ${problem.option} ${problem.message}`);
  const format = createFf1Format(settings);
  const cipher = createFf1Cipher(primary.key, format.radix, Buffer.from(settings.tweak ?? ""));
  return {
    definition,
    ...maskFacts.ff1,
    form: "token",
    apply(values) {
      const { column, unfit } = format.read(values);
      if (unfit.length > 0)
        throw new MasklineError("value_unfit", "a value has not the alphabet, template or length of its ff1 mask");
      return format.write(cipher.encrypt(column));
    },
    longestToken: (maxCodePoints) => format.longest(maxCodePoints),
    open(tokens) {
      const { column, unfit } = format.read(tokens);
      return openedAround(unfit, format.write(cipher.decrypt(column)));
    },
  };
}
