import type { VersionForm } from "./column.ts";
import { badFormat, outOfRange, type Problem, type Reader, wrongType } from "./reading.ts";

const versionForm = /^\d+(?:\.\d+){0,3}$/;
const maxPartDigits = 9;
const maxInteger = 2 ** 31 - 1;

/** The largest major number that packs into a 32-bit integer whatever follows it. */
const maxPackedMajor = 2146;
const maxPackedPart = 999;

/**
 * One to four numbers with dots between them, stored in one of four forms. A version that is not numeric is refused: a silent 0
 * could never be told from a real one.
 */
export function versionReader(form: VersionForm): Reader {
  const store = forms[form];
  return (value) => {
    if (typeof value !== "string") return wrongType("a version as text", value);
    const text = value.trim();
    if (!versionForm.test(text)) return badFormat("1 to 4 numbers with dots between them", "text");
    const parts = text.split(".");
    if (parts.some((part) => part.length > maxPartDigits)) {
      return outOfRange(`numbers of at most ${maxPartDigits} digits`, "a longer number");
    }
    return store(parts, text);
  };
}

type Store = (parts: readonly string[], text: string) => string | Problem;

const forms: Readonly<Record<VersionForm, Store>> = {
  major: ([major]) => String(Number(major)),
  packed,
  text: (_, text) => text,
  digits: (parts) => {
    const number = Number(parts.join(""));
    return number <= maxInteger ? String(number) : outOfRange("digits that fit an integer", "more digits");
  },
};

/** Keeps the order of versions: 2.10 comes after 2.9. */
function packed(parts: readonly string[]): string | Problem {
  const [major = 0, minor = 0, patch = 0, build = 0] = parts.map(Number);
  if (major > maxPackedMajor) return outOfRange(`a first number up to ${maxPackedMajor}`, "a larger number");
  if (minor > maxPackedPart || patch > maxPackedPart) {
    return outOfRange(`second and third numbers up to ${maxPackedPart}`, "a larger number");
  }
  if (build > 0) return outOfRange("three numbers", "a fourth number");
  return String(major * 1_000_000 + minor * 1_000 + patch);
}
