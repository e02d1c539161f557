import type { Column } from "../contract/column.ts";

/** Which columns somebody could know of a person beside the masked ones, and which were left out and why. */
export interface QuasiIdentifiers {
  readonly columns: readonly string[];
  readonly leftOut: readonly { readonly column: string; readonly because: "an id" | "json" | "masked" }[];
}

/**
 * All columns of a contract in plain text that are not ids: a value of its own for each row or person makes every group one, and hides
 * what the others do. Columns that keep a part of their value are chosen too: the part is in plain text.
 */
export function quasiIdentifiersOf(
  columns: readonly { readonly column: Pick<Column, "name" | "from" | "type">; readonly masked: "no" | "a part" | "whole" }[],
  identity: string,
): QuasiIdentifiers {
  const chosen: string[] = [];
  const leftOut: QuasiIdentifiers["leftOut"][number][] = [];
  for (const { column, masked } of columns) {
    const because = masked === "whole" ? "masked" : column.type === "json" ? "json" : isId(column, identity) ? "an id" : null;
    if (because === null) chosen.push(column.name);
    else leftOut.push({ column: column.name, because });
  }
  return { columns: chosen, leftOut };
}

function isId({ name, from, type }: Pick<Column, "name" | "from" | "type">, identity: string): boolean {
  return (
    type === "uuid" || from === identity || from === "$message_id" || from === "$group_id" || /(?:^|_)(?:id|uuid)$/i.test(name)
  );
}
