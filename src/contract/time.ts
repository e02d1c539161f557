import { badFormat, outOfRange, type Problem, wrongType } from "./reading.ts";

const dayForm = /^(\d{4})-(\d{2})-(\d{2})$/;
const timestampForm = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

export const dayMs = 86_400_000;

/** The years 0001 to 9999, which every form of date can write. */
const earliestMs = -62_135_596_800_000;
const latestMs = 253_402_300_799_999;

/** A JSON number from here on is milliseconds: 1973 as milliseconds, the year 5138 as seconds. */
const firstMilliseconds = 1e11;

/** A calendar date, or the UTC day of an RFC 3339 timestamp. */
export function readDate(value: unknown): string | Problem {
  if (typeof value !== "string") return wrongType("a date", value);
  const [, year, month, day] = dayForm.exec(value) ?? [];
  const instant = year === undefined ? instantOf(value) : { epochMs: midnight(year, month, day), fraction: "" };
  if (instant === null || instant.epochMs === null) return badFormat("a date such as 2024-01-31", "text");
  return dayOf(instant.epochMs);
}

/**
 * A point in time: RFC 3339 text with its offset (without one it is ambiguous, and refused), or a whole JSON number of
 * milliseconds since 1970, from 1e11 on, or of seconds, below that. Digits beyond microseconds are cut off, as Postgres holds no more.
 */
export function readTimestamp(value: unknown): string | Problem {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return badYear;
    if (!Number.isInteger(value)) return badFormat("whole seconds or milliseconds since 1970", "number with a fraction");
    return timestampOf(Math.abs(value) >= firstMilliseconds ? value : value * 1000);
  }
  if (typeof value !== "string") return wrongType("a timestamp", value);
  const instant = instantOf(value);
  if (instant === null) return badFormat("a timestamp with offset such as 2024-01-31T23:59:59Z", "text");
  return write(instant);
}

/** The UTC day of a point in time. */
export function dayOf(epochMs: number): string | Problem {
  return isWritable(epochMs) ? new Date(epochMs).toISOString().slice(0, 10) : badYear;
}

/** A point in time as UTC ISO text. */
export function timestampOf(epochMs: number): string | Problem {
  if (!isWritable(epochMs)) return badYear;
  const wholeMs = Math.floor(epochMs);
  const secondMs = Math.floor(wholeMs / 1000) * 1000;
  return write({ epochMs: secondMs, fraction: String(wholeMs - secondMs).padStart(3, "0") });
}

/** Whole seconds, as milliseconds since 1970, and the digits after the point. */
interface Instant {
  readonly epochMs: number;
  readonly fraction: string;
}

function instantOf(text: string): Instant | null {
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHour = 0, offsetMinute = 0] =
    timestampForm.exec(text) ?? [];
  const startMs = midnight(year, month, day);
  if (startMs === null) return null;
  // Second 60 is a leap second: it becomes the next minute's first, as Postgres reads it.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  const offsetMinutes = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === "-" ? -1 : 1);
  const minutes = Number(hour) * 60 + Number(minute) - offsetMinutes;
  return { epochMs: startMs + minutes * 60_000 + Number(second) * 1000, fraction };
}

/** The start of a calendar day, or null if there is no such day. Year 0000 exists here and is out of range later. */
function midnight(year = "", month = "", day = ""): number | null {
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day) ? date.getTime() : null;
}

function write({ epochMs, fraction }: Instant): string | Problem {
  if (!isWritable(epochMs)) return badYear;
  const second = new Date(epochMs).toISOString().slice(0, 19);
  const digits = fraction.slice(0, 6).replace(/0+$/, "");
  return digits === "" ? `${second}Z` : `${second}.${digits}Z`;
}

function isWritable(epochMs: number): boolean {
  return epochMs >= earliestMs && epochMs <= latestMs;
}

const badYear: Problem = outOfRange("years 0001 to 9999", "another year");
