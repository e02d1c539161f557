/** A JSON object as `JSON.parse` makes it. Read own properties only: keys come from outside. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON type of a value in the words of faults and structures; undefined is a field that is not there. */
export function jsonTypeName(value: unknown): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "true/false";
  return Array.isArray(value) ? "list" : "object";
}
