import { randomBytes } from "node:crypto";

import { createKeyRing } from "../keys/ring.ts";
import { maskFacts } from "../masks/mask.ts";
import { placedMasks } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";
import { columnDemands, createMasks } from "./masks.ts";

/** What a mask of the user's own contract keeps and gives away. */
export interface MaskFinding {
  /** With the path inside it, for a mask of a part. */
  readonly column: string;
  readonly kind: string;
  readonly domain: string | null;
  readonly reversible: boolean;
  readonly keepsEquality: boolean;
  /** The longest token, in characters; null without a limit. */
  readonly longest: number | null;
  readonly warnings: readonly string[];
}

export function reviewMasks(settings: Settings): readonly MaskFinding[] {
  // a ring of its own, for the lengths only: they do not depend on the keys, and the user's ring may not be there yet
  const demands = columnDemands(createMasks(settings.columns, createKeyRing(randomBytes)));
  return settings.columns.flatMap(placedMasks).map(({ place, of, mask }): MaskFinding => {
    const facts = maskFacts[mask.kind];
    const warnings: string[] = [];
    if (mask.kind === "sha256") {
      warnings.push(
        "sha256 without a key hides nothing of small domains: all IPv4 addresses are tried in 192 s on one core; for reading a legacy table only",
      );
    }
    if (mask.kind === "siv" && mask.encode === "text") warnings.push("the token's length tells the length of the value");
    if (mask.kind === "hmac")
      warnings.push("one-way only for those without the key: whoever holds the ring can try every value of a small domain");
    if (of === "findings") warnings.push("only what is found is masked: the rest of the text is stored as it comes");
    return {
      column: place,
      kind: mask.kind,
      domain: mask.domain,
      reversible: facts.reversible,
      keepsEquality: mask.kind !== "redact",
      longest: demands.find(({ name }) => name === place)?.longest ?? null,
      warnings,
    };
  });
}
