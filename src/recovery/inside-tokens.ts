import type { ReversibleMask } from "../masks/mask.ts";
import { tokenPrefixLength } from "../masks/token.ts";
import { type TokenLayout, tokenNeedle } from "./token-layout.ts";

/**
 * A column with tokens inside its values. No aliases are written for these: what compares tokens for equality (`duplicates`, the view)
 * reads columns of whole values only. Where such a column shares the domain, it has its own.
 */
export interface InsideColumn {
  readonly name: string;
  readonly layout: Exclude<TokenLayout, "whole">;
  /** Make tokens under the key of today, and open those of every enabled key; one for each domain. */
  readonly masks: readonly ReversibleMask[];
  readonly keyId: number;
  readonly anchorId: number;
  /** The keys whose tokens are looked for: of this ring, but today's. A text by others may look like a token of any other key. */
  readonly oldKeyIds: readonly number[];
}

/** What begins like a token of an old key, and where it stands in its text. */
export interface InsideToken {
  readonly start: number;
  readonly end: number;
  readonly token: string;
  readonly keyId: number;
}

/** What an old token in a column begins with, for each of its keys and, where it shows, each of its domains. */
export function oldNeedles({ layout, masks, oldKeyIds }: InsideColumn): ReadonlyMap<string, number> {
  return new Map(
    oldKeyIds.flatMap((keyId) => masks.map(({ definition }) => [tokenNeedle(layout, definition.domain ?? "", keyId), keyId])),
  );
}

/** The characters of base64url. Neither a quotation mark nor a brace is one: tokens never overlap, and end where they were written to. */
const run = /[A-Za-z0-9_-]*/y;

/**
 * Everything in a text that begins like an old token, key by key. Places are told by what stands there, not by their paths: a
 * token proves its domain, so that one of this column's is rightly replaced wherever in a document it stands, and the rest of the
 * document (numbers, names that come twice, white space) stays as it was written.
 */
export function findInside(text: string, needles: ReadonlyMap<string, number>): readonly InsideToken[] {
  const found: InsideToken[] = [];
  for (const [needle, keyId] of needles) {
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
      const start = at + needle.length - tokenPrefixLength;
      run.lastIndex = start;
      run.test(text);
      found.push({ start, end: run.lastIndex, token: text.slice(start, run.lastIndex), keyId });
    }
  }
  return found;
}

/** The text with tokens in the places of others, given in any order. */
export function replaceInside(
  text: string,
  tokens: readonly { readonly start: number; readonly end: number; readonly by: string }[],
): string {
  let replaced = "";
  let from = 0;
  for (const { start, end, by } of tokens.toSorted((one, other) => one.start - other.start)) {
    replaced += text.slice(from, start) + by;
    from = end;
  }
  return replaced + text.slice(from);
}
