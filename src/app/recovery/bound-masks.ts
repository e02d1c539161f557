import { sha256Hex } from "../../masks/sha256.ts";
import { showTable } from "../../postgres/names.ts";
import { canonicalJson, type CanonicalValue } from "../../recovery/canonical-json.ts";
import { type ConfiguredColumn, type PlacedMask, placedMasks } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { saltlessFingerprint } from "./treatments.ts";

/**
 * What an act upon the quarantine is agreed to with, beside the contract, which knows of no masks: a hash over all of them, and the table that
 * rows go to. Not over the keys of the ring: a rotation between the question and the answer changes neither who sees what nor where it goes.
 */
export function boundTo({ columns, target }: Pick<Settings, "columns" | "target">): {
  readonly masks: string;
  readonly table: string | null;
} {
  const masks = canonicalJson(columns.flatMap((column) => placedMasks(column).map((placed) => described(column, placed))));
  return { masks: sha256Hex(masks), table: target === null ? null : showTable(target) };
}

function described({ subject }: ConfiguredColumn, { place, mask, sought }: PlacedMask): CanonicalValue {
  const { kind, domain, key, settings } = mask;
  const salted = settings.salt !== undefined;
  // a contract is JSON: so is what is looked for in its texts
  const looked = sought === null ? null : (JSON.parse(JSON.stringify(sought)) as CanonicalValue);
  return { place, kind, domain, key, salted, subject: subject ?? null, sought: looked, fingerprint: saltlessFingerprint(mask) };
}
