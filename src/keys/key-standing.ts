/**
 * How a key stands in a database. `open`: loads may write with it. `closed`: none may any more, rows may still hold its tokens.
 * `drained`: no row does. `disabled` and `destroyed`: as in the ring.
 */
export const standings = ["open", "closed", "drained", "disabled", "destroyed"] as const;
export type Standing = (typeof standings)[number];

/** The roots of a ring as a database knows them, in the order of their making. */
export interface KeyStanding {
  readonly id: number;
  readonly standing: Standing;
}

/** The key that every process should write with: the newest that is open. Null where no key has been announced. */
export function primaryOf(keys: readonly KeyStanding[]): number | null {
  return keys.findLast(({ standing }) => standing === "open")?.id ?? null;
}

/**
 * The key whose tokens stand for equal values: the oldest that rows may still hold tokens of. It moves only when all rows are under
 * one key, so a token never has two aliases that count.
 */
export function anchorOf(keys: readonly KeyStanding[]): number | null {
  return keys.find(mayHaveRows)?.id ?? null;
}

/** Whether masks that name this key (`key: ID`) may go on with it. A rotation does not reach them: they stay with theirs until it is taken out of use. */
export function servesPins({ standing }: KeyStanding): boolean {
  return standing !== "disabled" && standing !== "destroyed";
}

export function mayHaveRows({ standing }: KeyStanding): boolean {
  return standing === "open" || standing === "closed";
}

/**
 * Whether these keys, of which no row holds a token any more, may be called drained. The anchor only when one other key is left:
 * of two, equal values would stand under both with nothing to tell that they are equal.
 */
export function mayDrain(keys: readonly KeyStanding[], drained: readonly number[]): boolean {
  const left = keys.filter((key) => mayHaveRows(key) && !drained.includes(key.id));
  const anchor = anchorOf(keys);
  return left.length === 1 || anchor === null || !drained.includes(anchor);
}
