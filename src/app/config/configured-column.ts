import { canonicalForms } from "../../contract/canonical.ts";
import type { Column } from "../../contract/column.ts";
import type { MaskDefinition } from "../../masks/mask.ts";
import type { Sought } from "../../masks/scan/detectors.ts";

/** A column of the contract and how its mask is defined, as `columns` in the configuration says. */
export interface ConfiguredColumn {
  readonly column: Column;
  /** Of the whole value; null also where only what lies inside the value is masked. */
  readonly mask: MaskDefinition | null;
  readonly inside?: InsideMasks;
  /** Of a vault mask: the column whose value says whose a row is. */
  readonly subject?: string;
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
  /** The column of the table. */
  readonly column: Column;
  /** What reads the values that come to the mask: the column, or what stands at a path inside it. */
  readonly read: Column;
  /** What is looked for in a text, where only that is masked; otherwise null. */
  readonly sought: readonly Sought[] | null;
  readonly mask: MaskDefinition;
}

/** Every mask of a column, inside its values too. All that lists domains, keys or pins asks this. */
export function placedMasks({ column, mask, inside }: ConfiguredColumn): readonly PlacedMask[] {
  const option = ["columns", column.name];
  const whole = { place: column.name, option: [...option, "mask"], column, read: column, sought: null };
  if (mask !== null) return [{ ...whole, mask }];
  if (inside === undefined) return [];
  if ("scan" in inside) return [{ ...whole, sought: inside.scan, mask: inside.mask }];
  return inside.paths.map(({ path, mask: inner }) => {
    const read = column.paths?.find(({ name }) => name === path);
    if (read === undefined) throw new TypeError(`column ${column.name} masks ${path}, and does not read it`);
    return { ...whole, place: `${column.name}.${path}`, option: [...option, "paths", path, "mask"], read, mask: inner };
  });
}

/** The masks that name their key (`key: ID`) and what they mask. */
export function pinnedMasks(columns: readonly ConfiguredColumn[]): readonly { readonly place: string; readonly keyId: number }[] {
  return columns.flatMap(placedMasks).flatMap(({ place, mask: { key } }) => (key === null ? [] : [{ place, keyId: key }]));
}

/** The longest text a column lets through, in characters; null without a limit. */
export function longestText({ type, max }: Column): number | null {
  return max ?? canonicalForms[type].longest;
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
