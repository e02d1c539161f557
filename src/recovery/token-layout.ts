import { surrogateOpening } from "../masks/scan/surrogate.ts";
import { tokenPrefix } from "../masks/token.ts";

/** How tokens stand in the values of a column: each value is one, they are strings of JSON values, or surrogates in texts. */
export type TokenLayout = "whole" | "json" | "text";

/**
 * How a key's tokens begin in a column, with what stands before them. Whoever looks for tokens of a key inside values looks for this, in
 * a database and in a walk: what the one counts is what the other opens. More may begin so than tokens (JSON holds what others wrote),
 * never less: base64url needs no escape in JSON, and only we write surrogates.
 */
export function tokenNeedle(layout: TokenLayout, domain: string, keyId: number): string {
  const prefix = tokenPrefix(keyId);
  switch (layout) {
    case "whole":
      return prefix;
    case "json":
      return `"${prefix}`;
    case "text":
      return surrogateOpening(domain) + prefix;
  }
}
