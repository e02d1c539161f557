import { badFormat, outOfRange, type Problem, wrongType } from "./reading.ts";

const wholeNumberForm = /^-?(?:0|[1-9]\d*)$/;
const decimalForm = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/;

/** The longest text of a bigint, sign included. Checked first, because BigInt() of a long text is slower than linear. */
const longestBigint = 20;
const smallestBigint = -(2n ** 63n);
const largestBigint = 2n ** 63n - 1n;

/** What a `numeric` column with a declared precision can hold. */
const maxDigits = 1000;

/** A whole number: a JSON number that kept all its digits, or decimal digits as text, within the range of bigint. */
export function readInteger(value: unknown): string | Problem {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return String(value);
    // Beyond 2^53 JSON.parse has rounded already: the number that was sent is not known any more.
    if (Number.isInteger(value) || !Number.isFinite(value)) return outOfRange("a whole number below 2^53, or as text", "number");
    return badFormat("a whole number", "number with a fraction");
  }
  if (typeof value !== "string") return wrongType("a whole number", value);
  if (!wholeNumberForm.test(value)) return badFormat("a whole number", "text");
  const number = value.length > longestBigint ? null : BigInt(value);
  if (number === null || number < smallestBigint || number > largestBigint) {
    return outOfRange("a whole number below 2^63", "text");
  }
  return String(number);
}

/** A finite number, as JSON number or as decimal text, in plain decimals without trailing zeros: 1.50 and 15e-1 are both 1.5. */
export function readNumber(value: unknown): string | Problem {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return outOfRange("a finite number", "number");
    return canonicalDecimal(plainDecimal(String(value)));
  }
  if (typeof value !== "string") return wrongType("a number", value);
  if (!decimalForm.test(value)) return badFormat("a number", "text");
  if (value.length > maxDigits) return outOfRange(`at most ${maxDigits} digits`, `${value.length} characters`);
  return canonicalDecimal(value);
}

export function readBoolean(value: unknown): string | Problem {
  return typeof value === "boolean" ? String(value) : wrongType("true or false", value);
}

/** Writes JavaScript's `1.5e-7` without its exponent; other texts stay. */
function plainDecimal(text: string): string {
  const [mantissa = "", exponentText] = text.split("e");
  if (exponentText === undefined) return text;
  const sign = mantissa.startsWith("-") ? "-" : "";
  const [whole = "", fraction = ""] = mantissa.slice(sign.length).split(".");
  const exponent = Number(exponentText);
  // JavaScript writes exponents with one digit before the point, and only beyond 21 digits or six zeros after the point.
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${whole}${fraction}`;
  return `${sign}${whole}${fraction}${"0".repeat(exponent - fraction.length)}`;
}

function canonicalDecimal(text: string): string {
  const [, sign = "", whole = "", fraction = ""] = decimalForm.exec(text) ?? [];
  let end = fraction.length;
  while (end > 0 && fraction[end - 1] === "0") end -= 1;
  if (end > 0) return `${sign}${whole}.${fraction.slice(0, end)}`;
  return whole === "0" ? "0" : sign + whole;
}
