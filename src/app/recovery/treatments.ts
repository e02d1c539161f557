import { maskFingerprint } from "../../masks/fingerprint.ts";
import { type MaskDefinition, maskFacts } from "../../masks/mask.ts";
import { sha256Hex } from "../../masks/sha256.ts";
import type { ConfiguredColumn } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";

/** How a contract treats what stands at a path: `plain`, or a mask. `except`: what lies inside and is treated by itself. */
export interface Treatment {
  readonly path: string;
  readonly by: string;
  readonly except?: readonly string[];
}

/** How a contract treats each field it reads. Kept with every sealed body. No settings of a mask stand in it, only what they hash to. */
export interface Treatments {
  /** Paths mean something else in bodies that are unwrapped otherwise. */
  readonly decode: readonly string[];
  readonly fields: readonly Treatment[];
}

const plain = "plain";

export function treatmentsOf({ columns, contract }: Pick<Settings, "columns" | "contract">): Treatments {
  const { decode, identity } = contract;
  // it is stored in receipts as it is
  const known: readonly Treatment[] = identity === undefined ? [] : [{ path: identity, by: plain }];
  return { decode, fields: [...columns.flatMap(treatmentsIn), ...known] };
}

function treatmentsIn({ column: { from }, mask, inside }: ConfiguredColumn): readonly Treatment[] {
  if (mask !== null) return [{ path: from, by: byMask(mask) }];
  if (inside === undefined) return [{ path: from, by: plain }];
  if ("scan" in inside) return [{ path: from, by: `scan ${shortHash(JSON.stringify(inside.scan))} ${byMask(inside.mask)}` }];
  const paths = inside.paths.map(({ path, mask: inner }) => ({ path: `${from}.${path}`, by: byMask(inner) }));
  return [...paths, { path: from, by: plain, except: paths.map(({ path }) => path).toSorted() }];
}

/** Of a mask that shows a part of the value, its settings count: what another one shows is something else. */
function byMask(mask: MaskDefinition): string {
  if (hidesAll(mask)) return mask.kind;
  // a salt can be a secret: not even what it hashes to stands here
  const { salt, ...settings } = mask.settings;
  return `${mask.kind} ${shortHash(maskFingerprint({ ...mask, settings }))}${salt === undefined ? "" : " salted"}`;
}

function hidesAll({ kind }: Pick<MaskDefinition, "kind">): boolean {
  const { keeps, insecure } = maskFacts[kind];
  return !insecure && (keeps === "nothing" || keeps === "format");
}

const hidingKinds: ReadonlySet<string> = new Set(
  Object.keys(maskFacts).filter((kind) => hidesAll({ kind: kind as MaskDefinition["kind"] })),
);

function shortHash(text: string): string {
  return sha256Hex(text).slice(0, 16);
}

/**
 * The fields that were masked when a body was sealed and would be stored today as they are, or under a mask that shows something of them;
 * whoever replays the body would see them in the table. Null where that cannot be told.
 */
export function masksRemoved(then: Treatments | null, today: Treatments): readonly string[] | null {
  if (then === null || JSON.stringify(then.decode) !== JSON.stringify(today.decode)) return null;
  const known = new Set(then.fields.map((field) => JSON.stringify(inOrder(field))));
  const showing = today.fields.filter((field) => !hidingKinds.has(field.by) && !known.has(JSON.stringify(inOrder(field))));
  const masked = new Set(then.fields.flatMap(({ path, by }) => (by === plain ? [] : [path])));
  return [...masked].filter((path) => showing.some((field) => shows(field, path))).toSorted();
}

/** Whether a treatment has to do with what stands at a path. */
function shows({ path: at, except = [] }: Treatment, path: string): boolean {
  return meet(path, at) && !except.some((inner) => covers(inner, path));
}

const anyPart = "*";

/** Whether one can hold, be or be part of the other. */
function meet(one: string, other: string): boolean {
  const [left, right] = [one.split("."), other.split(".")];
  const alike = (part: string, place: number): boolean => part === right[place] || part === anyPart || right[place] === anyPart;
  return left.slice(0, right.length).every(alike);
}

/** Whether all that stands at a path stands at, or inside of, another. */
function covers(outer: string, path: string): boolean {
  const [parts, inner] = [outer.split("."), path.split(".")];
  return parts.length <= inner.length && parts.every((part, place) => part === anyPart || part === inner[place]);
}

/** A database gives the members back in an order of its own. */
function inOrder({ path, by, except }: Treatment): readonly unknown[] {
  return [path, by, except ?? []];
}
