// Classes of UTF-16 units. The end of a text reads as NaN, which is in none.

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isHexDigit(code: number): boolean {
  const lower = code | 0x20;
  return (code >= 0x30 && code <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

/**
 * A letter or digit of ASCII: where one of these stands beside it, a number is part of something longer. Letters of other scripts are
 * a border, because some of them are written without spaces.
 */
export function isWord(code: number): boolean {
  const lower = code | 0x20;
  return (code >= 0x30 && code <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
}

/** A hyphen, or one of the dashes and minus signs that word processors put in its place. */
export function isDash(code: number): boolean {
  return code === 0x2d || (code >= 0x2010 && code <= 0x2013) || code === 0x2212;
}

export const otherDashes: RegExp = /[\u2010-\u2013\u2212]/;
