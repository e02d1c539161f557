import { readDate, readTimestamp } from "../contract/time.ts";
import { MasklineError } from "../errors.ts";
import type { Call } from "./command.ts";

/** A day (its start, UTC) or a point in time with its offset. */
export function momentOf(call: Call, flag: string): Date | null {
  const text = call.text(flag);
  if (text === null) return null;
  const read = /^\d{4}-\d{2}-\d{2}$/.test(text) ? readDate(text) : readTimestamp(text);
  if (typeof read !== "string")
    throw new MasklineError("usage", `--${flag} takes a day or a time: 2026-11-20, 2026-11-20T08:00:00Z`);
  return new Date(read);
}
