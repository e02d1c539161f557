import type { Fault } from "./fault.ts";
import type { Incoming } from "./incoming.ts";
import type { JsonObject } from "./json-value.ts";
import { readInteger } from "./number.ts";
import { compilePath, pathProblem } from "./path.ts";
import { isBlank, type Problem, wrongType } from "./reading.ts";
import { limitedTo, readText } from "./text.ts";

/** What makes two deliveries the same message where the contract names nothing: the id that the source gave it. */
export const messageIdentity = "$message_id";

/** In characters: well below what an index takes. */
const longestIdentity = 256;

const attributePrefix = "$attributes.";

/** Reads what a message is known by. `body` is null where it could not be opened. */
export type IdentityReader = (body: JsonObject | null, incoming: Incoming) => string | Fault;

/** The reader of an identity, or what is wrong with how it is written. */
export function compileIdentity(from: string): IdentityReader | string {
  const find = finder(from);
  if (typeof find === "string") return find;
  return (body, incoming) => {
    const value = find(body, incoming);
    const found = value === undefined ? "absent" : value === null ? "null" : isBlank(value) ? "empty text" : null;
    const id = found === null ? readIdentity(value) : { reason: "missing" as const, expected: "an identity", found };
    return typeof id === "string" ? id : { reason: id.reason, path: from, expected: id.expected, found: id.found };
  };
}

function finder(from: string): ((body: JsonObject | null, incoming: Incoming) => unknown) | string {
  if (!from.startsWith("$")) {
    const problem = pathProblem(from);
    if (problem !== null) return `${from} ${problem}`;
    const find = compilePath(from);
    return (body) => (body === null ? undefined : find(body));
  }
  const name = from.startsWith(attributePrefix) ? from.slice(attributePrefix.length) : "";
  if (name !== "") return (_, { attributes }) => (Object.hasOwn(attributes, name) ? attributes[name] : undefined);
  if (from === "$group_id") return "$group_id names many messages, and all but the first of a group would count as duplicates";
  return `${from} is not known; allowed: ${messageIdentity}, a path into the body, $attributes.NAME`;
}

/**
 * A text as it was sent, or a whole number, which is the same as its digits as text. Not a fraction or a number from 2^53 on: JSON.parse
 * rounds them, and two messages would become one.
 */
function readIdentity(value: unknown): string | Problem {
  if (typeof value === "number") return readInteger(value);
  return typeof value === "string" ? limitedTo(longestIdentity, readText)(value) : wrongType("a text or a whole number", value);
}
