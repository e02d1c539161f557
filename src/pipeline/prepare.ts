import type { Check } from "../contract/check.ts";
import type { Column } from "../contract/column.ts";
import type { Fault } from "../contract/fault.ts";
import { TextColumn } from "../contract/text-column.ts";
import { type ColumnMask, masksWhole } from "../masks/mask.ts";
import type { Delivery, Refusal, Rows } from "./ports.ts";
import { selectRows } from "./rows.ts";

/** A column of the contract with the mask it is given, if any. */
export interface MaskedColumn {
  readonly column: Column;
  readonly mask: ColumnMask | null;
}

/** What a batch of deliveries came to: rows ready to load, and what cannot become one. Every delivery is in exactly one of them. */
export interface Prepared {
  readonly rows: Rows;
  readonly refused: readonly Refusal[];
}

export interface PrepareOptions {
  /** A value that is a token of its domain already stays as it is; otherwise its message is refused. For trusted input only. */
  readonly acceptTokens?: boolean;
}

/** Checks and masks a batch. Pure: the only place where plain values and tokens meet. */
export function prepare(
  deliveries: readonly Delivery[],
  check: Check,
  columns: readonly MaskedColumn[],
  { acceptTokens = false }: PrepareOptions = {},
): Prepared {
  const checked = checkAll(deliveries, check, columns.length);
  const faults = new Map<number, Fault[]>();
  const masked = columns.map(({ column, mask }, index) => {
    const values = checked.columns[index] ?? [];
    if (mask === null) return TextColumn.of(values);
    const tokens = maskColumn(values, mask, acceptTokens, (row, reason) => {
      for (const path of pathsAtFault(column, mask, values[row] as string, reason)) addFault(faults, row, path, reason);
    });
    return TextColumn.of(tokens);
  });
  const { deliveries: accepted, ids } = checked;
  const rows: Rows = { deliveries: accepted, ids, columns: masked };
  const kept = rows.deliveries.flatMap((_, row) => (faults.has(row) ? [] : [row]));
  const refused = [...faults].map(([row, found]): Refusal => ({
    delivery: accepted[row] as Delivery,
    id: ids[row] as string,
    faults: found,
  }));
  return { rows: selectRows(rows, kept), refused: [...checked.refused, ...refused] };
}

/** As `Prepared`, with plain values. */
interface CheckedBatch {
  readonly deliveries: readonly Delivery[];
  readonly ids: readonly string[];
  readonly columns: readonly (readonly (string | null)[])[];
  readonly refused: readonly Refusal[];
}

function checkAll(deliveries: readonly Delivery[], check: Check, width: number): CheckedBatch {
  const accepted: Delivery[] = [];
  const ids: string[] = [];
  const refused: Refusal[] = [];
  const columns: (string | null)[][] = Array.from({ length: width }, () => []);
  for (const delivery of deliveries) {
    const checked = check(delivery);
    const id = checked.identity ?? delivery.id;
    if ("faults" in checked) {
      refused.push({ delivery, id, faults: checked.faults });
      continue;
    }
    accepted.push(delivery);
    ids.push(id);
    for (let column = 0; column < width; column += 1) columns[column]?.push(checked.values[column] ?? null);
  }
  return { deliveries: accepted, ids, columns, refused };
}

type MaskReason = "already_masked" | "mask_failed";
type FaultAt = (row: number, reason: MaskReason) => void;

/** Masks what is there; absent values stay absent, so that a missing value never becomes a token shared by all. */
function maskColumn(
  values: readonly (string | null)[],
  mask: ColumnMask,
  acceptTokens: boolean,
  faultAt: FaultAt,
): readonly (string | null)[] {
  const column: (string | null)[] = values.map(() => null);
  let places = values.flatMap((value, row) => (value === null ? [] : [row]));
  if (mask.recognises !== undefined) {
    const ours = mask.recognises(places.map((row) => values[row] as string));
    // a document or text that holds a token holds other values too: only a whole value that is one passes
    const passes = acceptTokens && masksWhole(mask);
    for (const [index, row] of places.entries()) {
      if (ours[index] !== true) continue;
      if (passes) column[row] = values[row] as string;
      else faultAt(row, "already_masked");
    }
    places = places.filter((_, index) => ours[index] !== true);
  }
  const present = places.map((row) => values[row] as string);
  const tokens = applyEach(present, mask, (index) => faultAt(places[index] as number, "mask_failed"));
  places.forEach((row, index) => (column[row] = tokens[index] ?? null));
  return column;
}

/** The whole column in one call; one by one only when that fails, to find the value at fault. Never the original in place of a mask. */
function applyEach(values: readonly string[], mask: ColumnMask, failedAt: (index: number) => void): readonly (string | null)[] {
  try {
    return mask.apply(values);
  } catch {
    return values.map((value, index) => {
      try {
        return mask.apply([value])[0] ?? null;
      } catch {
        failedAt(index);
        return null;
      }
    });
  }
}

/** Where in a value the fault lies: each path inside it whose mask has it by itself, otherwise the value as a whole. */
function pathsAtFault({ from }: Column, { parts = [] }: ColumnMask, value: string, reason: MaskReason): readonly string[] {
  const isAtFault = (mask: ColumnMask): boolean =>
    reason === "already_masked" ? mask.recognises?.([value])[0] === true : fails(mask, value);
  const found = parts.flatMap(({ path, mask }) => (isAtFault(mask) ? [`${from}.${path}`] : []));
  return found.length === 0 ? [from] : found;
}

function fails(mask: ColumnMask, value: string): boolean {
  try {
    mask.apply([value]);
    return false;
  } catch {
    return true;
  }
}

const explanations = {
  already_masked: { expected: "a value, not a token", found: "a token of this domain" },
  mask_failed: { expected: "a value the mask can take", found: "a failing mask" },
} as const satisfies Record<MaskReason, unknown>;

function addFault(faults: Map<number, Fault[]>, row: number, path: string, reason: MaskReason): void {
  const fault: Fault = { reason, path, ...explanations[reason] };
  const found = faults.get(row);
  if (found) found.push(fault);
  else faults.set(row, [fault]);
}
