import { compileIdentity, messageIdentity } from "../../contract/identity.ts";
import { jsonPathsMeet } from "../../contract/json-path.ts";
import type { ConfiguredColumn } from "./configured-column.ts";
import type { ConfigFault } from "./fault.ts";
import type { Options } from "./schema.ts";

/** What is wrong with `identity`. It is stored as it is, so it may hold nothing that a mask is there for. */
export function identityFaults({ identity }: Options, columns: readonly ConfiguredColumn[]): readonly ConfigFault[] {
  if (typeof identity !== "string" || identity === "" || identity === messageIdentity) return [];
  const path = ["identity"];
  const reader = compileIdentity(identity);
  if (typeof reader === "string") return [{ path, message: reader }];
  const masked = columns.find((column) => meets(identity, column));
  if (masked === undefined) return [];
  const { name, from } = masked.column;
  const message = `leads to what column ${name} masks (${from}), and would be stored as it is: name a field that is not personal`;
  return [{ path, message }];
}

/** Whether an identity can be, hold or be part of what a column's mask is there for. */
function meets(identity: string, { column: { from, paths = [] }, mask, inside }: ConfiguredColumn): boolean {
  if (mask === null && inside === undefined) return false;
  // an attribute is a text: there is nothing above or below it
  if (from.startsWith("$") || identity.startsWith("$")) return identity === from;
  if (identity === from || from.startsWith(`${identity}.`)) return true;
  if (!identity.startsWith(`${from}.`)) return false;
  const within = identity.slice(from.length + 1);
  return paths.length === 0 || paths.some(({ name }) => jsonPathsMeet(within, name));
}
