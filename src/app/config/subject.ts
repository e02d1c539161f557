import { mayBeNull } from "../../contract/check.ts";
import type { ConfiguredColumn } from "./configured-column.ts";
import type { ConfigFault } from "./fault.ts";

/** What is wrong with the subjects that vault masks name. Every row is somebody's: a link to nobody could never be erased. */
export function subjectFaults(columns: readonly ConfiguredColumn[]): readonly ConfigFault[] {
  const [first] = columns.flatMap(({ subject }) => subject ?? []);
  return columns.flatMap(({ column: { name }, subject }): readonly ConfigFault[] => {
    if (subject === undefined) return [];
    const message = problemOf(subject, first ?? subject, columns);
    return message === null ? [] : [{ path: ["columns", name, "mask", "subject"], message }];
  });
}

function problemOf(subject: string, first: string, columns: readonly ConfiguredColumn[]): string | null {
  const named = columns.find(({ column }) => column.name === subject)?.column;
  if (named === undefined) return `names no column of this contract: ${subject}`;
  if (named.type === "json" || named.type === "boolean") return `is a ${named.type} column, which names nobody`;
  if (mayBeNull(named)) return `names a column that may be missing: write required: true there, so that every row is somebody's`;
  return subject === first ? null : `is another one than ${first}: a row is one person's, so all vault masks name the same column`;
}

/** The column whose value says whose a row is; null in a contract without a vault. */
export function subjectColumn(columns: readonly ConfiguredColumn[]): ConfiguredColumn | null {
  const name = columns.find(({ subject }) => subject !== undefined)?.subject;
  return columns.find(({ column }) => column.name === name) ?? null;
}

/** Whether a column holds the values themselves. */
export function isStoredPlain({ mask, inside }: ConfiguredColumn): boolean {
  return mask === null && inside === undefined;
}
