import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Machine } from "./machine.ts";
import type { ResultRow, Results } from "./result.ts";

/** What a later run is compared with: ratios, which carry from machine to machine better than times do. */
export interface Baseline {
  readonly machine: Machine;
  readonly quick: boolean;
  readonly rows: readonly Pick<ResultRow, "workload" | "against" | "better" | "unit" | "ratios">[];
}

export const baselineFile: string = path.resolve(import.meta.dirname, "../baseline.json");

/** A baseline, or the results of a whole run, which hold one. */
export async function readBaseline(file: string): Promise<Baseline> {
  const read = JSON.parse(await readFile(file, "utf8")) as Baseline;
  if (!Array.isArray(read.rows)) throw new TypeError(`${file} holds no rows: it is written by --out or --write-baseline`);
  return read;
}

/** Rows that were not measured this time are kept as they are. */
export async function writeBaseline({ machine, quick, rows }: Results): Promise<void> {
  const measured = rows.map(({ workload, against, better, unit, ratios }) => ({ workload, against, better, unit, ratios }));
  const before = await readBaseline(baselineFile).catch(() => null);
  const kept = before?.quick === quick ? before.rows.filter((old) => !measured.some((row) => isSameRow(row, old))) : [];
  await writeFile(
    baselineFile,
    `${JSON.stringify({ machine, quick, rows: [...kept, ...measured] } satisfies Baseline, null, 1)}\n`,
  );
}

type Names = Pick<ResultRow, "workload" | "against">;

export function isSameRow(left: Names, right: Names): boolean {
  return left.workload === right.workload && left.against === right.against;
}
