import { MasklineError } from "../errors.ts";
import type { Mask, Opened, ReversibleMask } from "../masks/mask.ts";
import { readToken } from "../masks/token.ts";
import type { Rows, TokenAlias } from "../pipeline/ports.ts";

/** A column whose tokens say their key. */
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

/** The tokens of one row, and its place in the table. */
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
export function remask(columns: readonly TaggedColumn[], rows: readonly TokenRow[]): Remasked {
  const to = rows.map(({ tokens }) => [...tokens]);
  const changed = new Set<number>();
  const unopened: UnopenedToken[] = [];
  const aliases = columns.flatMap((column, index) => {
    const old = rows.flatMap(({ tokens, place }, row) => {
      const token = tokens[index] ?? null;
      const parts = token === null ? null : readToken(token);
      return token === null || parts === null || parts.keyId === column.keyId ? [] : [{ row, place, token, keyId: parts.keyId }];
    });
    const opened = column.mask.open(old.map(({ token }) => token));
    const good = old.flatMap((entry, i) => {
      const result = opened[i];
      if (result !== undefined && "value" in result) return [{ ...entry, value: result.value }];
      unopened.push({ place: entry.place, column: column.name, keyId: entry.keyId, failure: result?.failure ?? "not_a_token" });
      return [];
    });
    const values = good.map(({ value }) => value);
    const tokens = column.mask.apply(values);
    good.forEach(({ row }, i) => {
      (to[row] as (string | null)[])[index] = tokens[i] as string;
      changed.add(row);
    });
    return column.keyId === column.anchorId ? [] : aliasesOf(column, tokens, values);
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

/** The aliases of rows that were just masked; none while their key is the anchor. `columns[c]` is null where a column of the rows is not tagged. */
export function aliasesOfRows(columns: readonly (TaggedColumn | null)[], rows: Rows): readonly TokenAlias[] {
  return distinct(
    columns.flatMap((column, index) => {
      if (column === null || column.keyId === column.anchorId) return [];
      const tokens = [...new Set((rows.columns[index] ?? []).filter((token) => token !== null))];
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
