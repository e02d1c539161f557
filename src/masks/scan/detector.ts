/** Something found in a text: where it stands, in UTF-16 units, and its canonical value. */
export interface Finding {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

/**
 * The first finding that starts at `from` or behind it (of several there the longest); null when there is none any more. What stands
 * before `from` is seen, as a border, but is no part of a finding. `from` never goes back.
 */
export type Cursor = (from: number) => Finding | null;

/** Finds one kind of value. All findings of a text together take time in proportion to its length, whatever the text is. */
export interface Detector {
  readonly kind: string;
  readonly open: (text: string) => Cursor;
  /** The fewest and the most code points of a finding; null for no limit. */
  readonly shortest: number;
  readonly longest: number | null;
  /** The most bytes of UTF-8 that the canonical value of a finding of so many code points has. */
  readonly longestValueBytes: (codePoints: number) => number;
}
