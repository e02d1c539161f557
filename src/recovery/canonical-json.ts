/** JSON of which two writers make the same bytes. */
export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

/**
 * The JSON Canonicalization Scheme (RFC 8785): members in the order of their names' UTF-16 code units (section 3.2.3), no white space, numbers
 * and texts as ECMAScript writes them (sections 3.2.2.2 and 3.2.2.3).
 * @throws RangeError for a number that JSON does not have, or half a surrogate pair
 */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new RangeError("half a surrogate pair has no canonical form");
    return JSON.stringify(value);
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("a number that JSON does not have");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${canonicalJson(name)}:${canonicalJson(value[name] as CanonicalValue)}`).join(",")}}`;
}

function isList(value: object): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
