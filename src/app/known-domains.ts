import { everyDomain, quarantineDomain } from "../recovery/audit-entry.ts";
import { placedMasks } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";

/** What a policy can speak of here: the domains of the contract's masks, what stands for refused messages, and all. */
export function knownDomains({ columns }: Settings): readonly string[] {
  const domains = columns.flatMap(placedMasks).flatMap(({ mask: { domain } }) => (domain === null ? [] : [domain]));
  return [...new Set(domains), quarantineDomain, everyDomain];
}
