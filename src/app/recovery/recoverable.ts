import { compileJsonPath, valueAt } from "../../contract/json-path.ts";
import { MasklineError } from "../../errors.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { createMask } from "../../masks/create-mask.ts";
import { canOpen, givesBack, type Mask } from "../../masks/mask.ts";
import { findSurrogates } from "../../masks/scan/surrogate.ts";
import { type Opener, openerOf } from "../../recovery/opener.ts";
import type { KeyToken } from "../../recovery/verify.ts";
import { type PlacedMask, placedMasks } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { createPlacedMask } from "../masks.ts";
import type { Governed } from "./governance.ts";
import { provenOriginals } from "./proven-originals.ts";
import { openVault } from "./vault-opener.ts";

/** Where values are masked under a key: a column, or what lies inside its values (`body.user.ip`). */
export interface KeyedPlace extends PlacedMask {
  readonly domain: string;
}

/** @throws MasklineError `usage` for a place whose values have no keyed mask */
export function keyedPlace(settings: Settings, name: string | null): KeyedPlace {
  return placeAmong(keyedPlaces(settings), name, "is masked under a key");
}

/** @throws MasklineError `usage` for a place whose tokens nothing opens */
export function revealablePlace(settings: Settings, name: string | null): KeyedPlace {
  const places = keyedPlaces(settings);
  const found = places.find(({ place }) => place === name);
  if (found !== undefined && !givesBack(found.mask.kind)) {
    throw new MasklineError("usage", `tokens of column ${name} cannot be opened: its mask (${found.mask.kind}) is one-way`, {
      next: `maskline verify --column ${name} tells whether a value that you have is behind a token`,
    });
  }
  return placeAmong(
    places.filter(({ mask }) => givesBack(mask.kind)),
    name,
    "has tokens that can be opened",
  );
}

function placeAmong(places: readonly KeyedPlace[], name: string | null, what: string): KeyedPlace {
  const found = places.find(({ place }) => place === name);
  if (found !== undefined) return found;
  const names = places.map(({ place }) => place).join(", ");
  throw new MasklineError("usage", name === null ? "wants --column NAME" : `the contract has no column ${name} that ${what}`, {
    next: names === "" ? "mask a column with siv: docs/masks.md" : `--column one of: ${names}`,
  });
}

/** Every place whose values are masked under a key. */
export function keyedPlaces({ columns }: Settings): readonly KeyedPlace[] {
  return columns
    .flatMap(placedMasks)
    .flatMap((placed) => (placed.mask.domain === null ? [] : [{ ...placed, domain: placed.mask.domain }]));
}

/** What opens the tokens of a place. @param keyId of tokens that do not say their key, where it is not the one that the mask names */
export function openPlace(
  { ring, database, schema }: Pick<Governed, "ring" | "database" | "schema">,
  placed: KeyedPlace,
  keyId: number | null = null,
): Opener {
  const { domain, mask: definition } = placed;
  if (definition.kind === "vault")
    return provenOriginals(openVault(database, schema, ring, definition), ring, { ...definition, domain });
  const mask = createPlacedMask(keyId === null ? placed : { ...placed, mask: { ...definition, key: keyId } }, ring);
  if (canOpen(mask)) return openerOf(mask);
  throw new MasklineError("internal", `a ${definition.kind} mask opens nothing`);
}

/** Finds the tokens of a place in one value of its column, as the table holds it; null where the whole value is the token. */
export function tokenFinder({ column, read, sought, domain }: KeyedPlace): ((value: string) => readonly string[]) | null {
  if (sought !== null)
    return (text) => findSurrogates(text).flatMap((surrogate) => (surrogate.domain === domain ? [surrogate.token] : []));
  if (read === column) return null;
  const find = compileJsonPath(read.name);
  return (json) =>
    find(parsed(json))
      .places.map(valueAt)
      .filter((value) => typeof value === "string");
}

/** What is no JSON was not written here, and holds no token; an error of the parser would quote it. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** A value's tokens under every enabled key of the ring, that which new tokens are made with first. @param value canonical */
export function tokensUnderEveryKey(ring: KeyRing, { mask, domain }: KeyedPlace, value: string): readonly KeyToken[] {
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
