import type { Contract } from "./column.ts";
import { decodeBody } from "./decode.ts";
import { bodyFault, type Fault } from "./fault.ts";
import { isJsonObject, type JsonObject, jsonTypeName } from "./json-value.ts";

/** A body that is a JSON object, or why it is not. */
export type OpenedBody = { readonly object: JsonObject } | { readonly fault: Fault };

/** Unwraps and parses a body, once. Of keys that come twice the last counts. */
export function openBody(body: string, { decode, maxBodyBytes }: Contract): OpenedBody {
  const decoded = decodeBody(body, decode, maxBodyBytes);
  if (typeof decoded !== "string") return "object" in decoded ? decoded : { fault: decoded };
  let value: unknown;
  try {
    value = JSON.parse(decoded);
  } catch {
    // The parser's own words quote the body.
    return { fault: bodyFault("not_json", "a JSON object", "not JSON") };
  }
  if (isJsonObject(value)) return { object: value };
  if (Array.isArray(value)) return { fault: listFault(value[0]) };
  return { fault: bodyFault("not_object", "a JSON object", jsonTypeName(value)) };
}

/** The S3 extended clients send a list of their class name and the place of the object. */
function listFault(first: unknown): Fault {
  const isPointer = typeof first === "string" && /(?:Payload|Message)S3Pointer$/.test(first);
  return isPointer
    ? bodyFault("s3_pointer", "the event itself", "a pointer of the S3 extended client")
    : bodyFault("body_is_list", "a JSON object", "list");
}
