import type { Column, ColumnOptions } from "../../contract/column.ts";
import { jsonPathsMeet } from "../../contract/json-path.ts";
import { maskFacts, type MaskDefinition } from "../../masks/mask.ts";
import { soughtProblem } from "../../masks/scan/detectors.ts";
import { scanningKinds } from "../../masks/scan/scan-mask.ts";
import type { InsideMasks } from "./configured-column.ts";
import type { ConfigFault } from "./fault.ts";
import { maskFaults } from "./mask-faults.ts";

type MaskOptions = NonNullable<ColumnOptions["mask"]>;
type Define = (type: ColumnOptions["type"], mask: MaskOptions) => MaskDefinition;

/** The masks of what lies inside a column's values; undefined for a column that has none. */
export function insideMasks({ type, mask, paths, scan }: ColumnOptions, define: Define): InsideMasks | undefined {
  if (paths !== undefined) {
    return { paths: Object.entries(paths).map(([path, inner]) => ({ path, mask: define(inner.type, inner.mask) })) };
  }
  return scan === undefined || mask === undefined ? undefined : { scan, mask: define(type, mask) };
}

/** What the contract reads at the paths of a JSON column. */
export function pathColumns(from: string, paths: NonNullable<ColumnOptions["paths"]>): readonly Column[] {
  return Object.entries(paths).map(([path, { type, max, required, mask }]) => ({
    name: path,
    from: `${from}.${path}`,
    type,
    as: "major",
    max: max ?? null,
    required: required ?? false,
    fallback: null,
    masked: maskFacts[mask.kind].input,
  }));
}

/** What no schema can say of `paths` and `scan`. */
export function insideFaults(name: string, options: ColumnOptions): ConfigFault[] {
  const at = (...option: readonly string[]): readonly string[] => ["columns", name, ...option];
  return [
    ...[...pathFaults(options)].map(([option, message]) => ({ path: at(...option), message })),
    ...[...scanFaults(name, options)].map(([option, message]) => ({ path: at(...option), message })),
  ];
}

type OptionFault = readonly [option: readonly string[], message: string];

function* pathFaults({ type, mask, paths }: ColumnOptions): Generator<OptionFault> {
  if (paths === undefined) return;
  if (type !== "json") return yield [["paths"], `is for type json; this column is ${type}`];
  if (mask !== undefined) yield [["mask"], "masks the whole value, which leaves nothing to paths: leave one of them out"];
  for (const [index, [path, inner]] of Object.entries(paths).entries()) {
    if (inner.max !== undefined && inner.type !== "text")
      yield [["paths", path, "max"], `is for texts; this path is ${inner.type}`];
    if (inner.mask.kind === "vault")
      yield [["paths", path, "mask", "kind"], "vault is for whole columns: give the value a column of its own, or use siv"];
    for (const [option, message] of maskFaults(path, inner.type, inner.max ?? null, inner.mask))
      yield [["paths", path, ...option.split(".")], message];
    const met = Object.keys(paths)
      .slice(0, index)
      .find((other) => jsonPathsMeet(path, other));
    if (met !== undefined) yield [["paths", path], `leads to the same place as ${met}, or inside it: one value has one mask`];
  }
}

function* scanFaults(name: string, { type, mask, scan }: ColumnOptions): Generator<OptionFault> {
  if (scan === undefined) return;
  if (type !== "text") return yield [["scan"], `is for type text; this column is ${type}`];
  if (mask === undefined)
    yield [["mask"], `is missing: findings are replaced by its tokens; write for example mask: { kind: siv, domain: ${name} }`];
  else if (!scanningKinds.includes(mask.kind))
    yield [["mask", "kind"], `${mask.kind} is not for findings in a text: use ${scanningKinds.join(", ")}`];
  const names = scan.map((sought) => (typeof sought === "string" ? sought : sought.name));
  for (const [index, sought] of scan.entries()) {
    if (names.indexOf(names[index] as string) < index) yield [["scan", String(index)], "has the name of an earlier one"];
    const problem = soughtProblem(sought);
    if (problem !== null) yield [["scan", String(index), "pattern"], problem];
  }
}
