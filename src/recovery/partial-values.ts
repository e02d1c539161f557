import type { ColumnType } from "../contract/column.ts";
import type { MaskDefinition } from "../masks/mask.ts";
import { createPartialMask } from "../masks/partial.ts";

/** What is shown of a value that nothing may be shown of: not how long it is either. */
export const hidden = "***";

/** How a partial reveal shortens the values of a type, and what is left, for people. */
export interface PartialRule {
  readonly by: "network" | "last four" | "domain" | "nothing";
  readonly shows: string;
}

const nothing: PartialRule = { by: "nothing", shows: `nothing (${hidden})` };
const lastFour: PartialRule = { by: "last four", shows: "the last four of at least eight characters, otherwise nothing" };

/** The one table of what a partial reveal shows. */
export const partialRules: Readonly<Record<ColumnType, PartialRule>> = {
  ip: { by: "network", shows: "the network: /24 of IPv4, /48 of IPv6, /40 of 6to4" },
  email: { by: "domain", shows: "the domain" },
  uuid: { by: "last four", shows: "the last four digits" },
  text: lastFour,
  integer: lastFour,
  number: nothing,
  boolean: nothing,
  date: nothing,
  timestamp: nothing,
  version: nothing,
  json: nothing,
};

/** What a partial reveal shows of a column's canonical values, in their order: as a mask of kind `partial` would. */
export function partialOf(values: readonly string[], type: ColumnType): readonly string[] {
  switch (partialRules[type].by) {
    case "network":
      return networksOf(values);
    case "domain":
      return shortened(values, "email", {});
    case "last four":
      return shortened(values, "text", { last: 4 });
    case "nothing":
      return values.map(() => hidden);
  }
}

/** The first 48 bits of a 6to4 address name a whole IPv4 address (RFC 3056 section 2): 40 name its /24. */
function networksOf(values: readonly string[]): readonly string[] {
  const networks = shortened(values, "ip", {});
  const narrower = shortened(values, "ip", { ipv6_prefix: 40 });
  return networks.map((network, index) => (network.startsWith("2002:") ? (narrower[index] ?? hidden) : network));
}

function shortened(values: readonly string[], type: ColumnType, settings: MaskDefinition["settings"]): readonly string[] {
  const mask = createPartialMask({ kind: "partial", domain: null, type, encode: "text", key: null, settings });
  return mask.apply(values).map((value) => value ?? hidden);
}
