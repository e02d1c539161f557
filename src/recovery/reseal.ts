import type { SealingKey } from "../keys/sealing-key.ts";
import { openSealingContext, unseal, UnsealError } from "../keys/sealing.ts";

/** What is sealed under another key than the current one. */
export interface SealedRow<Key> {
  readonly key: Key;
  /** What it is bound to. */
  readonly place: readonly string[];
  readonly sealed: Uint8Array;
}

/** A table of sealed bodies, in the order of its keys. */
export interface SealedTable<Key> {
  /** Some of those behind `after` that are not sealed under the current key; none when there are no more. */
  page(after: Key | null): Promise<readonly SealedRow<Key>[]>;
  /** Puts new seals in the place of those that were read, where they are still there. @returns how many were */
  replace(rows: readonly { readonly row: SealedRow<Key>; readonly sealed: Uint8Array }[]): Promise<number>;
}

export interface Resealed {
  readonly changed: number;
  /** Those that this ring does not open; they were left as they are. */
  readonly unopened: number;
}

/**
 * Brings a table under the ring's current sealing key. Stopped or killed it has done what it has done; the next call finds the rest. What is
 * erased or replayed meanwhile stays away: a seal takes the place of the very one that was read, or of none.
 */
export async function resealTable<Key>(
  table: SealedTable<Key>,
  sealing: readonly SealingKey[],
  stop: AbortSignal,
): Promise<Resealed> {
  const [current] = sealing;
  if (current === undefined) throw new TypeError("a ring that opens has a current sealing key");
  let changed = 0;
  let unopened = 0;
  let after: Key | null = null;
  while (!stop.aborted) {
    const rows: readonly SealedRow<Key>[] = await table.page(after);
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.key;
    const context = await openSealingContext(current);
    const anew: { row: SealedRow<Key>; sealed: Uint8Array }[] = [];
    for (const row of rows) {
      const body = await opened(sealing, row);
      if (body === null) {
        unopened += 1;
        continue;
      }
      anew.push({ row, sealed: await context.seal(body, row.place) });
      body.fill(0);
    }
    if (anew.length > 0) changed += await table.replace(anew);
  }
  return { changed, unopened };
}

async function opened<Key>(sealing: readonly SealingKey[], { sealed, place }: SealedRow<Key>): Promise<Uint8Array | null> {
  try {
    return await unseal(sealing, sealed, place);
  } catch (error) {
    if (error instanceof UnsealError) return null;
    throw error;
  }
}
