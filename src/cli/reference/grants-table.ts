import type { Right, TargetPart } from "../../postgres/recovery/database-role.ts";
import { databaseRoles } from "../../postgres/recovery/grants.ts";
import { code, table } from "./markdown.ts";

const parts: Readonly<Record<TargetPart, string>> = {
  whole: "your table",
  contract: "the contract's columns of your table",
  masked: "the masked columns of your table, and `ctid`, of each partition too",
  sequences: "the sequences from which defaults of your table's other columns take numbers",
  views: "the views of `maskline duplicates --print-view`, those that are there",
};

/** Every right of every role, for docs/recovery.md. */
export function grantsTable(): string {
  const rows = databaseRoles.flatMap(({ name, does, rights }) =>
    rights.map((right, index) => [index === 0 ? `${code(name)} (${does})` : "", right.may, on(right), right.why]),
  );
  return table(["role", "may", "on", "because"], rows);
}

function on(right: Right): string {
  if ("target" in right) return parts[right.target];
  if ("functions" in right) return right.functions.map((name) => code(name.replace(/\(.*/, "()"))).join(", ");
  const tables = right.tables.map(code).join(", ");
  return right.columns === undefined ? tables : `${right.columns.map(code).join(", ")} of ${tables}`;
}
