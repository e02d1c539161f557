import type { KeyRing } from "../../keys/ring.ts";
import { createMask } from "../../masks/create-mask.ts";
import type { MaskDefinition, Opened } from "../../masks/mask.ts";
import type { Opener } from "../../recovery/opener.ts";

/**
 * Believes an original only where its token is made of it again. Who may write to the vault can seal any text to a token that it has not
 * seen yet: without this, one person's token could be made to open to another's value. Where a root is disabled its tokens cannot be
 * made, and what is of none of the others is believed.
 */
export function provenOriginals(
  opener: Opener,
  ring: Pick<KeyRing, "keys" | "domainKeys">,
  definition: MaskDefinition & { readonly domain: string },
): Opener {
  const ids = ring.keys.flatMap(({ id, status }) => (status === "ENABLED" ? [id] : []));
  const isWhole = ring.keys.every(({ status }) => status !== "DISABLED");
  const masks = ids.map((id) => createMask(definition, ring.domainKeys(definition.kind, definition.domain, id)));
  const tokensOf = (values: readonly string[]): readonly (readonly unknown[])[] => masks.map((mask) => mask.apply(values));
  /** One text that the mask does not take must not stop its neighbours. */
  const apart = (value: string): readonly unknown[] => {
    try {
      return tokensOf([value]).map(([token]) => token);
    } catch {
      return [];
    }
  };
  return {
    async open(tokens) {
      const opened = await opener.open(tokens);
      const values = opened.flatMap((one) => ("value" in one ? [one.value] : []));
      let made: (place: number) => readonly unknown[];
      try {
        const columns = tokensOf(values);
        made = (place) => columns.map((column) => column[place]);
      } catch {
        made = (place) => apart(values[place] as string);
      }
      let next = 0;
      return opened.map((one, index): Opened => {
        if (!("value" in one)) return one;
        const own = made(next++);
        return own.includes(tokens[index]) || (!isWhole && own.length > 0) ? one : { failure: "not_authentic" };
      });
    },
  };
}
