/** How often the values of a column occur, as counted. */
export interface ValueCounts {
  readonly rows: number;
  readonly nulls: number;
  readonly distinct: number;
  /** How often the most frequent values occur, the most frequent first; at most `frequentValues`. */
  readonly top: readonly number[];
  /** The sum of n * log2(n) over how often each value occurs. */
  readonly weighted: number;
}

export const frequentValues = 10;

/** What the counts of a column give away to somebody who knows how often values occur elsewhere. */
export interface Frequency {
  readonly rows: number;
  readonly nulls: number;
  readonly distinct: number;
  /** Of the rows with a value: who takes each of them for the most frequent value is right so often. Null where no row has one. */
  readonly topShare: number | null;
  readonly topTenShare: number | null;
  /** Shannon's: how much a value tells on average, at most log2(distinct). */
  readonly entropyBits: number;
}

export function frequencyOf({ rows, nulls, distinct, top, weighted }: ValueCounts): Frequency {
  const valued = rows - nulls;
  const share = (counts: readonly number[]): number | null =>
    valued === 0 ? null : counts.reduce((total, n) => total + n, 0) / valued;
  // H = -sum(n/N * log2(n/N)) = log2(N) - sum(n * log2(n)) / N; rounding must not leave what the law allows
  const entropy = valued === 0 ? 0 : Math.log2(valued) - weighted / valued;
  const entropyBits = Math.min(Math.max(0, entropy), Math.log2(Math.max(1, distinct)));
  return { rows, nulls, distinct, topShare: share(top.slice(0, 1)), topTenShare: share(top), entropyBits };
}

/** How many groups of equal rows have this size, and how many rows they have together. */
export interface SizeCount {
  /** In people where a column tells them apart, otherwise in rows. */
  readonly size: number;
  readonly groups: number;
  readonly rows: number;
}

/** How well rows hide among others that are equal to them: k-anonymity. */
export interface GroupFigures {
  readonly k: number;
  readonly groups: number;
  readonly rows: number;
  /** The size of the smallest group: the table is k-anonymous for no more than this. Null where there is no row. */
  readonly smallest: number | null;
  readonly groupsBelow: number;
  readonly rowsBelow: number;
  /** The sizes below k that there are, the smallest first. */
  readonly sizesBelow: readonly SizeCount[];
}

export function groupFiguresOf(sizes: readonly SizeCount[], k: number): GroupFigures {
  const ordered = sizes.toSorted((left, right) => left.size - right.size);
  const sizesBelow = ordered.filter(({ size }) => size < k);
  return {
    k,
    groups: sum(ordered, "groups"),
    rows: sum(ordered, "rows"),
    smallest: ordered[0]?.size ?? null,
    groupsBelow: sum(sizesBelow, "groups"),
    rowsBelow: sum(sizesBelow, "rows"),
    sizesBelow,
  };
}

function sum(sizes: readonly SizeCount[], what: "groups" | "rows"): number {
  return sizes.reduce((total, size) => total + size[what], 0);
}
