import { contractHash } from "../../contract/contract-hash.ts";
import { sha256Hex } from "../../masks/sha256.ts";
import { showTable } from "../../postgres/names.ts";
import { canonicalJson, type CanonicalValue } from "../../recovery/canonical-json.ts";
import { type ConfiguredColumn, type PlacedMask, placedMasks } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { saltlessFingerprint } from "./treatments.ts";

/** What an act upon the quarantine is agreed to with. */
export type Bound = { readonly contract: string; readonly masks: string; readonly table: string | null };

/**
 * The contract's hash knows of no masks: beside it a hash over all of them, and the table that rows go to. Not over the keys of the ring: a
 * rotation between the question and the answer changes neither who sees what nor where it goes.
 */
export function boundTo({ contract, columns, target }: Pick<Settings, "contract" | "columns" | "target">): Bound {
  const masks = canonicalJson(columns.flatMap((column) => placedMasks(column).map((placed) => described(column, placed))));
  return { contract: contractHash(contract), masks: sha256Hex(masks), table: target === null ? null : showTable(target) };
}

function described({ subject }: ConfiguredColumn, { place, mask, sought }: PlacedMask): CanonicalValue {
  const { kind, domain, key, settings } = mask;
  const salted = settings.salt !== undefined;
  // a contract is JSON: so is what is looked for in its texts
  const looked = sought === null ? null : (JSON.parse(JSON.stringify(sought)) as CanonicalValue);
  return { place, kind, domain, key, salted, subject: subject ?? null, sought: looked, fingerprint: saltlessFingerprint(mask) };
}
