import { createHash } from "node:crypto";

import type { Contract } from "./column.ts";

/** Names a contract by what it says: SHA-256, in hex, over its JSON with sorted keys. The order of columns counts. */
export function contractHash(contract: Contract): string {
  return createHash("sha256").update(JSON.stringify(contract, sortKeys)).digest("hex");
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
