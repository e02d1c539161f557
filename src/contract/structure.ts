import { openBody } from "./body.ts";
import type { Contract } from "./column.ts";
import type { Incoming } from "./incoming.ts";
import { jsonTypeName } from "./json-value.ts";
import { compilePath } from "./path.ts";
import { countCharacters } from "./text.ts";

/** What stands at one path of a body: its JSON type and, for a text, how many characters it has. */
export type FieldShape = { readonly path: string; readonly found: string; readonly length: number | null };

/**
 * The shape of a message at the contract's own paths: enough to see what is wrong, and no personal data. Other fields are left
 * out, because their names can be personal too. A body that cannot be opened has no shape.
 */
export function describeStructure(contract: Contract, incoming: Incoming): readonly FieldShape[] {
  const body = openBody(incoming.body, contract);
  if ("fault" in body) return [];
  const named = [...contract.columns.map(({ from }) => from), ...(contract.identity === undefined ? [] : [contract.identity])];
  const paths = new Set(named.filter((from) => !from.startsWith("$")));
  return [...paths].map((path) => {
    const value = compilePath(path)(body.object);
    return { path, found: jsonTypeName(value), length: typeof value === "string" ? countCharacters(value) : null };
  });
}
