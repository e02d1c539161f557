/** How a column is written in maskline.yaml: type, default, check, editor schema and documentation in one place (JSON Schema, draft 7). */
export const columnOptions = {
  type: "object",
  description: "One column of the target table. Only named columns are ever stored.",
  additionalProperties: false,
  required: ["type"],
  properties: {
    type: {
      type: "string",
      enum: ["text", "integer", "number", "boolean", "uuid", "ip", "date", "timestamp", "version", "json"],
      description: "What the field must be.",
    },
    from: {
      type: "string",
      minLength: 1,
      description:
        "Where the value comes from: a dotted path into the body, or $sent_at, $message_id, $received_at, $group_id, $attributes.NAME. Default: the column's name.",
    },
    as: {
      type: "string",
      enum: ["major", "packed", "text", "digits"],
      description:
        "Only for type version: the first number (major, the default), major*1000000 + minor*1000 + patch (packed, keeps order), the text as sent (text), or all digits as one number (digits; different versions can collide, for legacy tables only).",
    },
    max: { type: "integer", minimum: 1, description: "The longest text allowed, in characters (code points)." },
    required: {
      type: "boolean",
      description: "Refuse a message without this field (absent or null). Default: true for masked columns, otherwise false.",
    },
    default: {
      type: ["string", "number", "boolean"],
      description: "Used where the field is absent or null, written as the event would carry it. Not for masked columns.",
    },
    mask: {
      type: "object",
      description: "How the value is masked before it leaves the process.",
      additionalProperties: false,
      required: ["kind"],
      properties: {
        kind: {
          type: "string",
          enum: ["siv", "hmac", "redact", "sha256"],
          description:
            "siv: reversible with the key (default choice). hmac: one-way, keyed. redact: the same text for every value. sha256: unkeyed, for reading legacy tables only.",
        },
        domain: {
          type: "string",
          minLength: 1,
          maxLength: 200,
          description:
            "The name under which the mask's key is derived. Columns that share a domain can be joined; renaming it changes every token.",
        },
        encode: {
          type: "string",
          enum: ["packed", "text"],
          description:
            "What is masked: 16 bytes for ip and uuid, so that the token's length tells nothing (packed, their default), or the text (text, the default of every other type).",
        },
        insecure: {
          type: "boolean",
          description: "Must be true for sha256: all IPv4 addresses behind unkeyed hashes are found in minutes on one core.",
        },
      },
    },
  },
} as const;

/** `decode` in maskline.yaml. */
export const decodeOptions = {
  type: "array",
  items: { type: "string", enum: ["sns", "eventbridge", "base64", "gzip"] },
  default: [],
  description: "What a body is wrapped in, outermost first.",
} as const;
