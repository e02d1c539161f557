import { type Problem, type Reader, wrongType } from "./reading.ts";

/** Text as it was sent. */
export function readText(value: unknown): string | Problem {
  if (typeof value !== "string") return wrongType("text", value);
  return isStorable(value) ? value : badCharacter;
}

/** Text in the form that is masked: trimmed and in Unicode's form NFC, so that equal texts give equal tokens. */
export function readCanonicalText(value: unknown): string | Problem {
  const text = readText(value);
  if (typeof text !== "string") return text;
  return tooManyMarks.test(text) ? unsafeMarks : text.trim().normalize("NFC");
}

/**
 * No more combining marks in a row than Unicode's Stream-Safe Text Format has (UAX #15, section 13): NFC sorts them, in time that
 * grows with the square of their number, and one message of a megabyte of them would stop a process for minutes.
 */
const mostMarks = 30;
const tooManyMarks = new RegExp(`\\p{M}{${mostMarks + 1}}`, "u");
const unsafeMarks: Problem = {
  reason: "bad_character",
  expected: `at most ${mostMarks} combining marks in a row`,
  found: "more of them",
};

/** Wraps a reader with the longest text allowed, counted as it will be stored. */
export function limitedTo(maxCharacters: number, read: Reader): Reader {
  return (value) => {
    const text = read(value);
    if (typeof text !== "string" || text.length <= maxCharacters) return text;
    const length = countCharacters(text);
    if (length <= maxCharacters) return text;
    return { reason: "too_long", expected: `at most ${maxCharacters} characters`, found: `${length} characters` };
  };
}

/** Characters as Postgres counts them: code points, not UTF-16 units. */
export function countCharacters(text: string): number {
  let pairs = 0;
  for (let index = 0; index < text.length; index += 1) {
    if ((text.codePointAt(index) as number) > 0xffff) {
      pairs += 1;
      index += 1;
    }
  }
  return text.length - pairs;
}

/** Postgres stores no NUL, and half a surrogate pair is no character in UTF-8: a driver would replace it silently. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

export const badCharacter: Problem = {
  reason: "bad_character",
  expected: "text without NUL and without half surrogate pairs",
  found: "text",
};
