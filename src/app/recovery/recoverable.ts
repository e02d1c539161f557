import { MasklineError } from "../../errors.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { createMask } from "../../masks/create-mask.ts";
import { canOpen, type Mask, maskFacts, type MaskDefinition, masksWhole } from "../../masks/mask.ts";
import { type Opener, openerOf } from "../../recovery/opener.ts";
import type { KeyToken } from "../../recovery/verify.ts";
import type { ConfiguredColumn } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { createMasks } from "../masks.ts";
import type { Governed } from "./governance.ts";
import { provenOriginals } from "./proven-originals.ts";
import { openVault } from "./vault-opener.ts";

/** Where values are masked under a key: a column, or what lies inside its values (`body.user.ip`). */
export interface KeyedColumn extends ConfiguredColumn {
  readonly mask: MaskDefinition;
  readonly domain: string;
  readonly of: "column" | "path" | "findings";
}

/** @throws MasklineError `usage` for a column whose values have no keyed mask of their own */
export function keyedColumn(settings: Settings, name: string | null): KeyedColumn {
  return columnAmong(settings, name, ({ of }) => of === "column", "is masked under a key as a whole");
}

/** @throws MasklineError `usage` for a column whose tokens nothing opens */
export function revealableColumn(settings: Settings, name: string | null): KeyedColumn {
  const found = settings.columns.flatMap(keyedPlaces).find(({ column }) => column.name === name);
  if (found !== undefined && !opens(found)) {
    const next =
      found.of === "column"
        ? `maskline verify --column ${name} tells whether a value that you have is behind a token`
        : "nothing gives these values back";
    throw new MasklineError("usage", `tokens of column ${name} cannot be opened: its mask (${found.mask.kind}) is one-way`, {
      next,
    });
  }
  return columnAmong(settings, name, opens, "has tokens that can be opened");
}

/** Whether there is an Opener for a mask's tokens (`openColumn`). */
function opens({ mask: { kind } }: KeyedColumn): boolean {
  return maskFacts[kind].reversible || kind === "vault";
}

function columnAmong(settings: Settings, name: string | null, fits: (place: KeyedColumn) => boolean, what: string): KeyedColumn {
  const fitting = settings.columns.flatMap(keyedPlaces).filter(fits);
  const found = fitting.find(({ column }) => column.name === name);
  if (found !== undefined) return found;
  const names = fitting.map(({ column }) => column.name).join(", ");
  throw new MasklineError("usage", name === null ? "wants --column NAME" : `the contract has no column ${name} that ${what}`, {
    next: names === "" ? "mask a column with siv: docs/masks.md" : `--column one of: ${names}`,
  });
}

function keyedPlaces({ inside, ...whole }: ConfiguredColumn): readonly KeyedColumn[] {
  const { column, mask } = whole;
  if (inside === undefined) return keyed({ ...whole, mask, of: "column" });
  if ("scan" in inside) return keyed({ column: { ...column, type: inside.mask.type }, mask: inside.mask, of: "findings" });
  return inside.paths.flatMap(({ path, mask: inner }) => {
    const read = column.paths?.find(({ name }) => name === path);
    return read === undefined ? [] : keyed({ column: { ...read, name: `${column.name}.${path}` }, mask: inner, of: "path" });
  });
}

function keyed(place: Omit<KeyedColumn, "domain" | "mask"> & Pick<ConfiguredColumn, "mask">): readonly KeyedColumn[] {
  const { mask } = place;
  return mask === null || mask.domain === null ? [] : [{ ...place, mask, domain: mask.domain }];
}

/** What opens the tokens of a column. */
export function openColumn(
  { ring, database, schema }: Pick<Governed, "ring" | "database" | "schema">,
  column: KeyedColumn,
): Opener {
  if (column.mask.kind === "vault")
    return provenOriginals(openVault(database, schema, ring, column.mask), ring, { ...column.mask, domain: column.domain });
  const mask = createMasks([column], ring)[0]?.mask ?? null;
  if (mask !== null && masksWhole(mask) && canOpen(mask)) return openerOf(mask);
  throw new MasklineError("internal", `a ${column.mask.kind} mask opens nothing`);
}

/** A value's tokens under every enabled key of the ring, that which new tokens are made with first. @param value canonical */
export function tokensUnderEveryKey(ring: KeyRing, { mask, domain }: KeyedColumn, value: string): readonly KeyToken[] {
  const first = mask.key ?? ring.primaryId;
  const enabled = ring.keys.filter(({ status }) => status === "ENABLED").map(({ id }) => id);
  return [first, ...enabled.filter((id) => id !== first)].map((keyId) => ({
    keyId,
    token: tokenOf(createMask(mask, ring.domainKeys(mask.kind, domain, keyId)), value),
  }));
}

function tokenOf(mask: Mask, value: string): string {
  const [token] = mask.apply([value]);
  if (typeof token === "string") return token;
  throw new MasklineError("internal", "a keyed mask made no token");
}
