import { compileContract, mayBeNull } from "../contract/check.ts";
import type { Column } from "../contract/column.ts";
import { MasklineError } from "../errors.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import type { KeyDemand } from "../keys/writer-ring.ts";
import { createMask } from "../masks/create-mask.ts";
import { maskFingerprint } from "../masks/fingerprint.ts";
import { createJsonPathsMask } from "../masks/json-paths.ts";
import { type ColumnMask, type Mask, maskFacts, type MaskDefinition } from "../masks/mask.ts";
import { createScanMask } from "../masks/scan/scan-mask.ts";
import { sha256Hex } from "../masks/sha256.ts";
import { type MaskedColumn, Masking, type MaskingOptions } from "../pipeline/masking.ts";
import { Preparation } from "../pipeline/prepare.ts";
import type { MaskPin } from "../postgres/mask-definitions.ts";
import type { ColumnDemand } from "../postgres/target.ts";
import { tokensPass } from "./accepted-tokens.ts";
import { type ConfiguredColumn, longestText, type PlacedMask, placedMasks } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";

/**
 * The masks of a contract under the keys of a ring.
 * @throws MasklineError `key_unpinned` for a mask whose tokens do not say their key, once the ring has two
 */
export function createMasks(columns: readonly ConfiguredColumn[], keys: MaskKeys): readonly MaskedColumn[] {
  return columns.map((configured) => ({ column: configured.column, mask: createColumnMask(configured, keys) }));
}

function createColumnMask(configured: ConfiguredColumn, keys: MaskKeys): ColumnMask | null {
  const placed = placedMasks(configured);
  if (configured.column.paths !== undefined)
    return createJsonPathsMask(placed.map((one) => ({ path: one.read.name, mask: createPlacedMask(one, keys) })));
  const [only] = placed;
  if (only === undefined) return null;
  const mask = createPlacedMask(only, keys);
  return only.sought === null ? mask : createScanMask(only.sought, mask);
}

/** One of a contract's masks under the keys of a ring. @throws MasklineError `key_unpinned` as createMasks */
export function createPlacedMask({ place, mask }: Pick<PlacedMask, "place" | "mask">, keys: MaskKeys): Mask {
  if (mask.domain === null) return createMask(mask, null);
  requirePinned(place, mask, keys);
  return createMask(mask, keys.domainKeys(mask.kind, mask.domain, mask.key));
}

/** The keys that a contract needs of a ring, one for each domain. @throws MasklineError `key_unpinned` */
export function keyDemands(columns: readonly ConfiguredColumn[], keys: MaskKeys): readonly KeyDemand[] {
  const demands = new Map<string, KeyDemand>();
  for (const { place, mask } of columns.flatMap(placedMasks)) {
    if (mask.domain === null) continue;
    requirePinned(place, mask, keys);
    demands.set(mask.domain, { kind: mask.kind, domain: mask.domain, pinned: mask.key });
  }
  return [...demands.values()];
}

function requirePinned(place: string, mask: MaskDefinition, keys: MaskKeys): void {
  const alive = keys.keys.filter(({ status }) => status !== "DESTROYED");
  if (!maskFacts[mask.kind].tagged && mask.key === null && alive.length > 1) {
    throw new MasklineError(
      "key_unpinned",
      `column ${place}: ${mask.kind} tokens do not say which key made them, and the ring has ${alive.length}`,
      {
        next: `write key: ${alive[0]?.id} beside kind: ${mask.kind} to go on with the oldest key (maskline keys list shows all)`,
      },
    );
  }
}

/** What the database keeps of each domain and key, so that another key or definition is noticed before it masks anything. */
export function maskPins(columns: readonly ConfiguredColumn[], keys: MaskKeys): readonly MaskPin[] {
  const definitions = new Map(
    columns.flatMap(placedMasks).flatMap(({ mask }) => (mask.domain === null ? [] : [[mask.domain, mask]])),
  );
  return [...definitions].flatMap(([domain, mask]) =>
    keys.checkValues(mask.kind, domain).map(({ id, value }) => ({
      domain,
      keyId: id,
      checkValue: value,
      fingerprint: maskFingerprint(mask),
    })),
  );
}

/**
 * What new tokens depend on, as one text to compare where there is no database that remembers it: for each domain its definition and the
 * check value of the key that writes (SHA-256 in hex, cut to 128 bits). Tells nothing of the keys.
 */
export function ringFingerprint(columns: readonly ConfiguredColumn[], keys: MaskKeys): string {
  const placed = columns.flatMap(placedMasks);
  const writing = new Map(placed.flatMap(({ mask }) => (mask.domain === null ? [] : [[mask.domain, mask.key ?? keys.primaryId]])));
  const pins = maskPins(columns, keys)
    .filter(({ domain, keyId }) => writing.get(domain) === keyId)
    .toSorted((left, right) => (left.domain < right.domain ? -1 : 1))
    .map(({ domain, keyId, checkValue, fingerprint }) => [domain, keyId, Buffer.from(checkValue).toString("hex"), fingerprint]);
  return sha256Hex(JSON.stringify(pins)).slice(0, 32);
}

/**
 * Compares with `keyring.expect`, where it is set.
 * @throws MasklineError `key_mismatch`
 */
export function requireExpected(expected: string | undefined, columns: readonly ConfiguredColumn[], keys: MaskKeys): void {
  const found = ringFingerprint(columns, keys);
  if (expected === undefined || expected === found) return;
  throw new MasklineError(
    "key_mismatch",
    `ring and mask definitions have the fingerprint ${found}, keyring.expect says ${expected}`,
    {
      next: "use the ring and definitions it was taken from; after a change that is meant, write the new fingerprint",
    },
  );
}

/** What the target table must take from each column. */
export function columnDemands(columns: readonly MaskedColumn[]): readonly ColumnDemand[] {
  return columns.map(({ column, mask }) => ({
    name: column.name,
    form: mask === null ? plainForm(column) : mask.form,
    longest: mask === null ? longestText(column) : mask.longestToken(longestText(column)),
    mayBeNull: mayBeNull(column) || mask?.form === "nothing",
  }));
}

/** What a value is to a database when it is not masked. */
export function plainForm({ type, as }: Column): ColumnDemand["form"] {
  if (type !== "version") return type;
  return as === "text" ? "text" : "integer";
}

/** The pure middle of the pipeline: deliveries in, masked rows and refusals out. */
export function preparation(
  settings: Settings,
  masked: readonly MaskedColumn[],
  { acceptTokens = false }: MaskingOptions = {},
): Preparation {
  const reader = compileContract(settings.contract, acceptTokens ? tokensPass(masked) : new Map());
  return new Preparation(reader, new Masking(masked, { acceptTokens }));
}
