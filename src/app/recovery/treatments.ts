import { maskFingerprint } from "../../masks/fingerprint.ts";
import { givesBack, type MaskDefinition, maskFacts, type MaskKind } from "../../masks/mask.ts";
import { sha256Hex } from "../../masks/sha256.ts";
import { isRecord } from "../../recovery/audit-reading.ts";
import type { ConfiguredColumn } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";

/** How a contract treats what stands at a path: `plain`, or a mask. `except`: what lies inside and is treated by itself. */
export interface Treatment {
  readonly path: string;
  readonly by: string;
  /** Of masks that have one: who may open a domain sees what is masked under it. */
  readonly domain?: string;
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
  if (mask !== null) return [{ path: from, ...byMask(mask) }];
  if (inside === undefined) return [{ path: from, by: plain }];
  if ("scan" in inside) {
    const { by, ...domain } = byMask(inside.mask);
    return [{ path: from, by: `scan ${shortHash(JSON.stringify(inside.scan))} ${by}`, ...domain }];
  }
  const paths = inside.paths.map(({ path, mask: inner }) => ({ path: `${from}.${path}`, ...byMask(inner) }));
  return [...paths, { path: from, by: plain, except: paths.map(({ path }) => path).toSorted() }];
}

/** Of a mask that shows a part of the value, its settings count: what another one shows is something else. */
function byMask(mask: MaskDefinition): Pick<Treatment, "by" | "domain"> {
  const { kind, domain } = mask;
  const by = hidesAll(kind)
    ? kind
    : `${kind} ${shortHash(saltlessFingerprint(mask))}${mask.settings.salt === undefined ? "" : " salted"}`;
  return domain === null ? { by } : { by, domain };
}

/** A salt can be a secret: not even what it hashes to is written down. */
export function saltlessFingerprint(mask: MaskDefinition): string {
  const { salt: _, ...settings } = mask.settings;
  return maskFingerprint({ ...mask, settings });
}

function hidesAll(kind: MaskKind): boolean {
  const { keeps, insecure } = maskFacts[kind];
  return !insecure && (keeps === "nothing" || keeps === "format");
}

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
  const others = today.fields.filter((field) => !known.has(JSON.stringify(inOrder(field))));
  const masked = then.fields.filter(({ by }) => by !== plain);
  const gone = masked.filter((field) => others.some((other) => touches(other, field.path) && !stillHides(other, field)));
  return [...new Set(gone.map(({ path }) => path))].toSorted();
}

/** Whether a treatment has to do with what stands at a path. */
function touches({ path: at, except = [] }: Treatment, path: string): boolean {
  return meet(path, at) && !except.some((inner) => covers(inner, path));
}

/** Whether what was masked then is hidden from the same people today. What opens in another domain opens by another right. */
function stillHides(today: Treatment, then: Treatment): boolean {
  const kind = isKind(today.by) ? today.by : null;
  if (kind === null || !hidesAll(kind)) return false;
  return !givesBack(kind) || (today.by === then.by && today.domain === then.domain);
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
function inOrder({ path, by, domain, except }: Treatment): readonly unknown[] {
  return [path, by, domain ?? null, except ?? []];
}

/** As a sealed body has them with it; null where they do not say all that has to be known. */
export function readTreatments(text: string): Treatments | null {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || !isTexts(value["decode"]) || !Array.isArray(value["fields"])) return null;
  const fields: readonly unknown[] = value["fields"];
  return fields.every(isTreatment) ? { decode: value["decode"], fields } : null;
}

function isTreatment(value: unknown): value is Treatment {
  if (!isRecord(value)) return false;
  const { path, by, domain, except } = value;
  if (typeof path !== "string" || typeof by !== "string") return false;
  if (except !== undefined && !isTexts(except)) return false;
  if (by === plain) return domain === undefined;
  const parts = by.split(" ");
  const kind = parts[0] === "scan" ? parts[2] : parts[0];
  if (kind === undefined || !isKind(kind)) return false;
  return maskFacts[kind].keyed ? typeof domain === "string" : domain === undefined;
}

function isKind(text: string): text is MaskKind {
  return Object.hasOwn(maskFacts, text);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
