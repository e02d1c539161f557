import { badFormat, outOfRange, type Problem } from "./reading.ts";
import { badCharacter, isStorable } from "./text.ts";

/** Deeper values would meet the limits of someone's stack (ours when writing, Postgres' when reading) at a depth nobody chose. */
const maxDepth = 500;

/** Any JSON value as JSON text, if it can be stored as it was sent. */
export function readJson(value: unknown): string | Problem {
  return problemIn(value, 0) ?? JSON.stringify(value);
}

function problemIn(value: unknown, depth: number): Problem | null {
  if (typeof value === "string") return isStorable(value) ? null : badCharacter;
  if (typeof value === "number") return problemInNumber(value);
  if (typeof value !== "object" || value === null) return null;
  if (depth === maxDepth) return badFormat(`at most ${maxDepth} levels of nesting`, "more levels");
  if (Array.isArray(value)) {
    for (const element of value as readonly unknown[]) {
      const problem = problemIn(element, depth + 1);
      if (problem !== null) return problem;
    }
    return null;
  }
  for (const [key, member] of Object.entries(value)) {
    const problem = isStorable(key) ? problemIn(member, depth + 1) : badCharacter;
    if (problem !== null) return problem;
  }
  return null;
}

/** What JSON.parse could not keep (1e999, whole numbers beyond 2^53) must not be stored as something else. */
function problemInNumber(value: number): Problem | null {
  if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return null;
  return outOfRange("whole numbers below 2^53, or as text", "number");
}
