import { openBody } from "../../contract/body.ts";
import type { Contract } from "../../contract/column.ts";
import { compilePath, pathProblem } from "../../contract/path.ts";
import { readDate, readTimestamp } from "../../contract/time.ts";
import type { LineReading } from "./line.ts";

/** What tells when the event of a line happened: one time for all, or a path into the body. */
export type SentAt = { readonly atMs: number } | { readonly path: string };

/** A time (a timestamp with offset, or a day: its midnight, UTC), else a dotted path; or what is wrong with it. */
export function parseSentAt(text: string): SentAt | string {
  const time = readTimestamp(text);
  const day = typeof time === "string" ? time : readDate(text);
  if (typeof day === "string") return { atMs: Date.parse(day) };
  if (/^\d{4}-/.test(text)) return "is neither a day such as 2024-01-31 nor a time with offset such as 2024-01-31T23:59:59Z";
  const problem = pathProblem(text);
  return problem === null ? { path: text } : problem;
}

/** Null where nothing is said, or no time stands there: then a column that needs it refuses the line. */
export function sentAtReader(sentAt: SentAt | null, contract: Contract): LineReading["sentAt"] {
  if (sentAt === null) return () => null;
  if ("atMs" in sentAt) return () => sentAt.atMs;
  const find = compilePath(sentAt.path);
  return (line) => {
    const body = openBody(line.body, contract);
    const time = "fault" in body ? null : readTimestamp(find(body.object) ?? null);
    return typeof time === "string" ? Date.parse(time) : null;
  };
}
