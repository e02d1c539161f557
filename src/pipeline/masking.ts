import type { Column } from "../contract/column.ts";
import type { Fault } from "../contract/fault.ts";
import { TextColumn } from "../contract/text-column.ts";
import { type ColumnMask, masksWhole } from "../masks/mask.ts";

/** A column of the contract with the mask it is given, if any. */
export interface MaskedColumn {
  readonly column: Column;
  readonly mask: ColumnMask | null;
}

export interface MaskingOptions {
  /** A value that is a token of its domain already stays as it is; otherwise its message is refused. For trusted input only. */
  readonly acceptTokens?: boolean;
}

/** A batch with tokens in place of values. */
export interface MaskedRows {
  /** The rows that could be masked, in their order. */
  readonly columns: readonly TextColumn[];
  /** Why the others could not, by their places in the batch; in no order. */
  readonly refused: ReadonlyMap<number, readonly Fault[]>;
}

/**
 * Masks batch after batch by columns. `begin` gives the columns that someone fills with a batch's values, `finish` what has become of them;
 * in between, `mask` may mask what is there already. Only here do plain values and tokens meet; the values' memory is kept from batch to
 * batch, and zeroed after each.
 */
export class Masking {
  readonly #columns: readonly MaskedColumn[];
  readonly #acceptTokens: boolean;
  /** Of the masked columns, the values; null for the others, which are loaded as they are. */
  readonly #values: readonly (TextColumn | null)[];
  /** The bytes a row had in the last batch, to begin the next with as many. */
  readonly #rowBytes: number[];
  #filled: readonly TextColumn[] = [];
  /** What becomes of them: tokens in the masked columns, and the others themselves. */
  #made: readonly TextColumn[] = [];
  #refused = new Map<number, Fault[]>();
  /** Columns that were loaded, one list for each place: their memory serves again. */
  readonly #spare: readonly TextColumn[][];

  constructor(columns: readonly MaskedColumn[], { acceptTokens = false }: MaskingOptions = {}) {
    this.#columns = columns;
    this.#acceptTokens = acceptTokens;
    this.#values = columns.map(({ mask }) => (mask === null ? null : new TextColumn()));
    this.#rowBytes = columns.map(() => usualRowBytes);
    this.#spare = columns.map(() => []);
  }

  /** Empty columns for the values of a batch of about so many rows. */
  begin(rows: number): readonly TextColumn[] {
    this.clear();
    this.#filled = this.#values.map((values, place) => values ?? this.#emptyColumn(place, rows));
    this.#made = this.#filled.map((values, place) => (this.#values[place] === null ? values : this.#emptyColumn(place, rows)));
    return this.#filled;
  }

  /** Masks what the columns were filled with since the last call. */
  mask(): void {
    this.#filled.forEach((values, place) => {
      const { column, mask } = this.#columns[place] as MaskedColumn;
      if (mask === null) return;
      const tokens = this.#made[place] as TextColumn;
      const from = tokens.count;
      maskInto(from === 0 ? values : values.part(from, values.count), tokens, mask, this.#acceptTokens, (at, reason) => {
        const row = from + at;
        const paths = pathsAtFault(column, mask, values.at(row) as string, reason);
        const faults = paths.map((path): Fault => ({ reason, path, ...explanations[reason] }));
        this.#refused.set(row, [...(this.#refused.get(row) ?? []), ...faults]);
      });
    });
  }

  /** Masks the rest. */
  finish(): MaskedRows {
    try {
      this.mask();
      const [columns, refused] = [this.#made, this.#refused];
      columns.forEach(({ count, usedBytes }, place) => {
        if (count > 0) this.#rowBytes[place] = Math.ceil(usedBytes / count) + spareBytes;
      });
      const gone = [...refused.keys()].sort((one, other) => one - other);
      for (const column of columns) column.drop(gone);
      return { columns, refused };
    } finally {
      this.clear();
    }
  }

  /** Forgets the values of a batch. */
  clear(): void {
    for (const values of this.#values) values?.clear();
    [this.#filled, this.#made, this.#refused] = [[], [], new Map()];
  }

  /** Takes back columns of `finish` that nobody looks at any more: new memory for each batch would cost a tenth of its load. */
  recycle(columns: readonly TextColumn[]): void {
    columns.forEach((column, place) => {
      column.clear();
      this.#spare[place]?.push(column);
    });
  }

  #emptyColumn(place: number, rows: number): TextColumn {
    return this.#spare[place]?.pop() ?? new TextColumn(rows, rows * (this.#rowBytes[place] as number));
  }
}

const usualRowBytes = 64;
/** So that a batch whose texts are a little longer finds room all the same. */
const spareBytes = 2;

type MaskReason = "already_masked" | "mask_failed";
type FaultAt = (row: number, reason: MaskReason) => void;

/** Masks what is there; absent values stay absent, so that a missing value never becomes a token shared by all. */
function maskInto(values: TextColumn, tokens: TextColumn, mask: ColumnMask, acceptTokens: boolean, faultAt: FaultAt): void {
  const ours = mask.recognisesIn?.(values) ?? [];
  if (ours.length === 0) return writeEach(values, tokens, mask, (row) => faultAt(row, "mask_failed"));
  // a document or text that holds a token holds other values too: only a whole value that is one passes
  const passes = acceptTokens && masksWhole(mask);
  if (!passes) for (const row of ours) faultAt(row, "already_masked");
  const isOurs = new Set(ours);
  const others = TextColumn.of(values.texts().map((text, row) => (isOurs.has(row) ? null : text)));
  const masked = new TextColumn();
  writeEach(others, masked, mask, (row) => faultAt(row, "mask_failed"));
  others.clear();
  for (let row = 0; row < values.count; row += 1) tokens.addFrom(passes && isOurs.has(row) ? values : masked, row);
}

/** All in one call; one by one only when that fails, to find the value at fault. Never the original in place of a mask. */
function writeEach(values: TextColumn, tokens: TextColumn, mask: ColumnMask, failedAt: (row: number) => void): void {
  const before = tokens.count;
  try {
    mask.write(values, tokens);
  } catch {
    tokens.truncate(before);
    for (let row = 0; row < values.count; row += 1) {
      const value = values.at(row);
      const token = value === null ? null : tokenOf(value, mask);
      if (token === undefined) failedAt(row);
      tokens.add(token ?? null);
    }
  }
}

/** undefined where the mask cannot take the value. */
function tokenOf(value: string, mask: ColumnMask): string | null | undefined {
  try {
    return mask.apply([value])[0] ?? null;
  } catch {
    return undefined;
  }
}

/** Where in a value the fault lies: each path inside it whose mask has it by itself, otherwise the value as a whole. */
function pathsAtFault({ from }: Column, { parts = [] }: ColumnMask, value: string, reason: MaskReason): readonly string[] {
  const isAtFault = (mask: ColumnMask): boolean =>
    reason === "already_masked" ? mask.recognises?.([value])[0] === true : tokenOf(value, mask) === undefined;
  const found = parts.flatMap(({ path, mask }) => (isAtFault(mask) ? [`${from}.${path}`] : []));
  return found.length === 0 ? [from] : found;
}

const explanations = {
  already_masked: { expected: "a value, not a token", found: "a token of this domain" },
  mask_failed: { expected: "a value the mask can take", found: "a failing mask" },
} as const satisfies Record<MaskReason, unknown>;
