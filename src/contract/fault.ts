/**
 * The closed list of reasons for which a message is refused. Stable: dashboards and replay filters name them.
 * Made into docs/reference/reasons.md.
 */
export const reasons = {
  not_json: "the body is not JSON",
  not_object: "the body is JSON, but not an object",
  body_is_list: "the body is a list: one message is one row",
  s3_pointer: "the body is a pointer of the S3 extended client, no event",
  bad_envelope: "the body is not in the envelope that `decode` names (sns, eventbridge)",
  bad_encoding: "the body is not in the encoding that `decode` names (base64, gzip), or a line of a file is not UTF-8",
  too_large: "the body is larger than allowed after unpacking",
  missing: "a required field is absent, null or, if masked, empty",
  wrong_type: "the field has another JSON type than the contract says",
  bad_format: "the text is not in the form the column's type reads",
  too_long: "the text is longer than the contract allows",
  out_of_range: "the number does not fit the column's type",
  bad_character: "the text holds NUL, half a surrogate pair, or too many combining marks in a row",
  already_masked: "the value of a masked column is a token of ours already",
  mask_failed: "the value could not be masked",
  refused_by_database: "the database refused the row (a constraint, a trigger, a type)",
} as const;

export type Reason = keyof typeof reasons;

/** One thing that is wrong with a message. Holds no value of the message: `path` is the contract's, `found` names a type or a size. */
export interface Fault {
  readonly reason: Reason;
  /** The contract's path of the field, or "" for the body as a whole. */
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

/** A fault of the body as a whole. */
export function bodyFault(reason: Reason, expected: string, found: string): Fault {
  return { reason, path: "", expected, found };
}
