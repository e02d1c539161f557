import { compileContract, mayBeNull } from "../contract/check.ts";
import type { Column } from "../contract/column.ts";
import { longestEmail } from "../contract/email.ts";
import { MasklineError } from "../errors.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { createMask } from "../masks/create-mask.ts";
import { maskFingerprint } from "../masks/fingerprint.ts";
import { createJsonPathsMask } from "../masks/json-paths.ts";
import { type ColumnMask, type DomainKeys, type Mask, maskFacts, type MaskDefinition } from "../masks/mask.ts";
import { createScanMask } from "../masks/scan/scan-mask.ts";
import type { Delivery } from "../pipeline/ports.ts";
import { type MaskedColumn, prepare, type Prepared } from "../pipeline/prepare.ts";
import type { MaskPin } from "../postgres/mask-definitions.ts";
import type { ColumnDemand } from "../postgres/target.ts";
import { type ConfiguredColumn, type InsideMasks, placedMasks } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";

/**
 * The masks of a contract under the keys of a ring.
 * @throws MasklineError `key_unpinned` for a mask whose tokens do not say their key, once the ring has two
 */
export function createMasks(columns: readonly ConfiguredColumn[], keys: MaskKeys): readonly MaskedColumn[] {
  return columns.map(({ column, mask, inside }) => {
    const create = (definition: MaskDefinition): Mask =>
      createMask(definition, definition.domain === null ? null : keysOf(column, definition, definition.domain, keys));
    if (inside !== undefined) return { column, mask: createInsideMask(inside, create) };
    return { column, mask: mask === null ? null : create(mask) };
  });
}

function createInsideMask(inside: InsideMasks, create: (definition: MaskDefinition) => Mask): ColumnMask {
  if ("scan" in inside) return createScanMask(inside.scan, create(inside.mask));
  return createJsonPathsMask(inside.paths.map(({ path, mask }) => ({ path, mask: create(mask) })));
}

function keysOf(column: Column, mask: MaskDefinition, domain: string, keys: MaskKeys): DomainKeys {
  const alive = keys.keys.filter(({ status }) => status !== "DESTROYED");
  if (!maskFacts[mask.kind].tagged && mask.key === null && alive.length > 1) {
    throw new MasklineError(
      "key_unpinned",
      `column ${column.name}: ${mask.kind} tokens do not say which key made them, and the ring has ${alive.length}`,
      {
        next: `write key: ${alive[0]?.id} beside kind: ${mask.kind} to go on with the oldest key (maskline keys list shows all)`,
      },
    );
  }
  return keys.domainKeys(mask.kind, domain, mask.key);
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

/** What the target table must take from each column. */
export function columnDemands(columns: readonly MaskedColumn[]): readonly ColumnDemand[] {
  return columns.map(({ column, mask }) => ({
    name: column.name,
    form: mask === null ? plainForm(column) : mask.form,
    longest: longestText(column, mask),
    mayBeNull: mayBeNull(column) || mask?.form === "nothing",
  }));
}

function plainForm({ type, as }: Column): ColumnDemand["form"] {
  if (type !== "version") return type;
  return as === "text" ? "text" : "integer";
}

/** In characters, as stored; null where the contract sets no limit. */
function longestText(column: Column, mask: ColumnMask | null): number | null {
  const plain = longestPlain(column);
  return mask === null ? plain : mask.longestToken(plain);
}

/** The longest text each type can come to. */
function longestPlain({ type, max }: Column): number | null {
  if (max !== null) return max;
  switch (type) {
    case "text":
    case "json":
      return null;
    case "integer":
      return 20;
    case "number":
      return 400;
    case "boolean":
      return 5;
    case "uuid":
      return 36;
    case "ip":
      return 45;
    case "email":
      return longestEmail;
    case "date":
      return 10;
    case "timestamp":
      return 27;
    case "version":
      return 39;
  }
}

/** The pure middle of the pipeline: deliveries in, masked rows and refusals out. */
export function preparation(settings: Settings, masked: readonly MaskedColumn[]): (deliveries: readonly Delivery[]) => Prepared {
  const check = compileContract(settings.contract);
  return (deliveries) => prepare(deliveries, check, masked);
}
