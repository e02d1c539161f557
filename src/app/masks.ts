import { compileContract, mayBeNull } from "../contract/check.ts";
import type { Column } from "../contract/column.ts";
import { domainCheckValues, domainKeys, type KeyRing } from "../keys/ring.ts";
import { createMask } from "../masks/create-mask.ts";
import { maskFingerprint } from "../masks/fingerprint.ts";
import { type Mask, maskFacts } from "../masks/mask.ts";
import type { Delivery } from "../pipeline/ports.ts";
import { type MaskedColumn, prepare, type Prepared } from "../pipeline/prepare.ts";
import type { MaskPin } from "../postgres/mask-definitions.ts";
import type { ColumnDemand } from "../postgres/target.ts";
import type { ConfiguredColumn } from "./config/columns.ts";
import type { Settings } from "./config/load.ts";

/** The masks of a contract under the keys of a ring. */
export function createMasks(columns: readonly ConfiguredColumn[], ring: KeyRing): readonly MaskedColumn[] {
  return columns.map(({ column, mask }) => {
    if (mask === null) return { column, mask: null };
    const keyed = mask.domain !== null && maskFacts[mask.kind].keyed;
    return { column, mask: createMask(mask, keyed ? domainKeys(ring, mask.kind, mask.domain) : null) };
  });
}

/** What the database keeps of each domain and key, so that another key or definition is noticed before it masks anything. */
export function maskPins(columns: readonly ConfiguredColumn[], ring: KeyRing): readonly MaskPin[] {
  const definitions = new Map(columns.flatMap(({ mask }) => (mask === null || mask.domain === null ? [] : [[mask.domain, mask]])));
  return [...definitions].flatMap(([domain, mask]) =>
    domainCheckValues(ring, mask.kind, domain).map(({ id, value }) => ({
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
    form: mask === null ? plainForm(column) : "token",
    longest: longestText(column, mask),
    mayBeNull: mayBeNull(column),
  }));
}

function plainForm({ type, as }: Column): ColumnDemand["form"] {
  if (type !== "version") return type;
  return as === "text" ? "text" : "integer";
}

/** In characters, as stored; null where the contract sets no limit. */
function longestText(column: Column, mask: Mask | null): number | null {
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
