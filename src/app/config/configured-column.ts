import type { Column } from "../../contract/column.ts";
import type { MaskDefinition } from "../../masks/mask.ts";
import type { Sought } from "../../masks/scan/detectors.ts";

/** A column of the contract and how its mask is defined, as `columns` in the configuration says. */
export interface ConfiguredColumn {
  readonly column: Column;
  /** Of the whole value; null also where only what lies inside the value is masked. */
  readonly mask: MaskDefinition | null;
  readonly inside?: InsideMasks;
}

/** Masks of what lies inside a column's values: at paths of a JSON value, or of what is found in a text. */
export type InsideMasks =
  | { readonly paths: readonly { readonly path: string; readonly mask: MaskDefinition }[] }
  | { readonly scan: readonly Sought[]; readonly mask: MaskDefinition };

/** A mask and where it stands. */
export interface PlacedMask {
  /** What it masks, for people: the column, with the path inside it. */
  readonly place: string;
  /** Where the configuration says so. */
  readonly option: readonly string[];
  /** Whether it masks all there is, or only what is found in a text. */
  readonly of: "value" | "findings";
  readonly mask: MaskDefinition;
}

/** Every mask of a column, inside its values too. All that lists domains, keys or pins asks this. */
export function placedMasks({ column: { name }, mask, inside }: ConfiguredColumn): readonly PlacedMask[] {
  const option = ["columns", name];
  if (mask !== null) return [{ place: name, option: [...option, "mask"], of: "value", mask }];
  if (inside === undefined) return [];
  if ("scan" in inside) return [{ place: name, option: [...option, "mask"], of: "findings", mask: inside.mask }];
  return inside.paths.map((path) => ({
    place: `${name}.${path.path}`,
    option: [...option, "paths", path.path, "mask"],
    of: "value",
    mask: path.mask,
  }));
}

/** The same masks under the primary key of whatever ring they are given: for what does not depend on keys. */
export function withoutPinnedKeys(columns: readonly ConfiguredColumn[]): readonly ConfiguredColumn[] {
  const unpin = (mask: MaskDefinition): MaskDefinition => ({ ...mask, key: null });
  return columns.map(({ column, mask, inside }) => {
    if (mask !== null) return { column, mask: unpin(mask) };
    if (inside === undefined) return { column, mask };
    if ("scan" in inside) return { column, mask, inside: { ...inside, mask: unpin(inside.mask) } };
    return { column, mask, inside: { paths: inside.paths.map((path) => ({ ...path, mask: unpin(path.mask) })) } };
  });
}
