import { MasklineError } from "../errors.ts";
import type { Mask, Opened, ReversibleMask } from "../masks/mask.ts";
import { readToken } from "../masks/token.ts";
import type { Rows, TokenAlias } from "../pipeline/ports.ts";
import { findInside, type InsideColumn, type InsideToken, oldNeedles, replaceInside } from "./inside-tokens.ts";

/** A column whose values are tokens that say their key. */
export interface TaggedColumn {
  readonly name: string;
  readonly domain: string;
  /** Makes tokens under the key of today, and opens those of every enabled key. */
  readonly mask: ReversibleMask;
  readonly keyId: number;
  /** The same mask under the anchor's key. */
  readonly anchor: Mask;
  readonly anchorId: number;
}

/** A column as a rekey sees it: with such tokens for its values, or inside them. */
export type RekeyColumn = TaggedColumn | InsideColumn;

/** The tokens of one row, or the texts they stand in, and its place in the table. */
export interface TokenRow {
  readonly place: string;
  /** By column; a text may be anything that stands in a column of tokens. */
  readonly tokens: readonly (string | null)[];
}

/** A token that stays as it is because it does not open. Never the token itself: it is as good as the value to whoever holds the key. */
export interface UnopenedToken {
  readonly place: string;
  readonly column: string;
  readonly keyId: number;
  readonly failure: Extract<Opened, { failure: unknown }>["failure"];
}

export interface Remasked {
  /** Rows with at least one token that changes, every column of them: what does not change is what stood there. */
  readonly changes: readonly { readonly place: string; readonly from: TokenRow["tokens"]; readonly to: TokenRow["tokens"] }[];
  readonly aliases: readonly TokenAlias[];
  readonly unopened: readonly UnopenedToken[];
}

/** What the rows become under the key of today. What is no token in form is not ours, and stays. */
export function remask(columns: readonly RekeyColumn[], rows: readonly TokenRow[]): Remasked {
  const to = rows.map(({ tokens }) => [...tokens]);
  const changed = new Set<number>();
  const unopened: UnopenedToken[] = [];
  const aliases = columns.flatMap((column, index) => {
    const find = finder(column);
    const old = rows.flatMap(({ tokens, place }, row) => {
      const text = tokens[index] ?? null;
      return text === null ? [] : find(text).map((token) => ({ ...token, row, place }));
    });
    const { remasked, left } = remaskTokens("masks" in column ? column.masks : [column.mask], old);
    unopened.push(...left.map(({ place, keyId, failure }) => ({ place, column: column.name, keyId, failure })));
    for (const [row, tokens] of Map.groupBy(remasked, (token) => token.row)) {
      (to[row] as (string | null)[])[index] = replaceInside(rows[row]?.tokens[index] as string, tokens);
      changed.add(row);
    }
    if ("masks" in column || column.keyId === column.anchorId) return [];
    return aliasesOf(
      column,
      remasked.map(({ by }) => by),
      remasked.map(({ value }) => value),
    );
  });
  const places = [...changed].sort((one, other) => one - other);
  return {
    changes: places.map((row) => ({
      place: (rows[row] as TokenRow).place,
      from: (rows[row] as TokenRow).tokens,
      to: to[row] as string[],
    })),
    aliases: distinct(aliases),
    unopened,
  };
}

/** Finds the old tokens in a column's texts. */
function finder(column: RekeyColumn): (text: string) => readonly InsideToken[] {
  if ("masks" in column) {
    const needles = oldNeedles(column);
    return (text) => findInside(text, needles);
  }
  return (token) => {
    const keyId = readToken(token)?.keyId ?? column.keyId;
    return keyId === column.keyId ? [] : [{ start: 0, end: token.length, token, keyId }];
  };
}

/** Opens tokens and masks their values anew, each mask once for all of them; what one does not open is left to the next. */
function remaskTokens<T extends InsideToken>(
  masks: readonly ReversibleMask[],
  old: readonly T[],
): {
  readonly remasked: readonly (T & { readonly value: string; readonly by: string })[];
  readonly left: readonly (T & Pick<UnopenedToken, "failure">)[];
} {
  let left = old.map((token) => ({ ...token, failure: "not_a_token" as UnopenedToken["failure"] }));
  const remasked = masks.flatMap((mask) => {
    const good: (T & { readonly value: string })[] = [];
    const opened = mask.open(left.map(({ token }) => token));
    left = left.flatMap((token, i) => {
      const result = opened[i];
      if (result === undefined || "failure" in result) return [{ ...token, failure: result?.failure ?? "not_a_token" }];
      good.push({ ...token, value: result.value });
      return [];
    });
    const tokens = mask.apply(good.map(({ value }) => value));
    return good.map((token, i) => ({ ...token, by: tokens[i] as string }));
  });
  return { remasked, left };
}

/** The aliases of rows that were just masked; none while their key is the anchor. `columns[c]` is null where a column of the rows is not tagged. */
export function aliasesOfRows(columns: readonly (TaggedColumn | null)[], rows: Rows): readonly TokenAlias[] {
  return distinct(
    columns.flatMap((column, index) => {
      if (column === null || column.keyId === column.anchorId) return [];
      const tokens = [...new Set((rows.columns[index]?.texts() ?? []).filter((token) => token !== null))];
      const values = column.mask.open(tokens).map((opened) => {
        if ("value" in opened) return opened.value;
        throw new MasklineError("internal", "a token that was just made does not open");
      });
      return aliasesOf(column, tokens, values);
    }),
  );
}

function aliasesOf({ domain, anchor }: TaggedColumn, tokens: readonly string[], values: readonly string[]): TokenAlias[] {
  return anchor.apply(values).map((canonical, i) => ({ domain, token: tokens[i] as string, canonical: canonical as string }));
}

/** Each once: columns that share a domain have tokens in common. */
function distinct(aliases: readonly TokenAlias[]): readonly TokenAlias[] {
  return [...new Map(aliases.map((alias) => [`${alias.domain}\0${alias.token}`, alias])).values()];
}
