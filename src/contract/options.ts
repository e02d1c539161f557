/** How a column is written in maskline.yaml: type, default, check, editor schema and documentation in one place (JSON Schema, draft 7). */
export const columnOptions = {
  type: "object",
  description: "One column of the target table. Only named columns are ever stored.",
  additionalProperties: false,
  required: ["type"],
  properties: {
    type: {
      type: "string",
      enum: ["text", "integer", "number", "boolean", "uuid", "ip", "email", "date", "timestamp", "version", "json"],
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
          enum: [
            "siv",
            "hmac",
            "cmac",
            "vault",
            "ipcrypt",
            "ipcrypt-pfx",
            "ff1",
            "partial",
            "redact",
            "null",
            "constant",
            "generalise",
            "sha256",
          ],
          description:
            'siv: reversible with the key (default choice). hmac, cmac: one-way, keyed. vault: one-way, its original sealed in the database, erasable by subject. ipcrypt: an address that stays an address; ipcrypt-pfx keeps subnets too. ff1: keeps the format. partial: a part of the value (of an e-mail address its domain). redact: the same text for every value. "null", in quotes: no value. constant: a text of your own. generalise: a time or number made coarse. sha256: unkeyed, for reading legacy tables only.',
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
          enum: ["packed", "text", "pad16"],
          description:
            "What siv, hmac, cmac and vault mask: 16 bytes for ip and uuid, so that the token's length tells nothing (packed, their default), the text (text, the default of every other type), or the text padded to a multiple of 16 bytes, so that the length tells little (pad16).",
        },
        key: {
          type: "integer",
          minimum: 1,
          maximum: 4_294_967_295,
          description:
            "For masks whose tokens do not say which key made them (hmac, cmac, vault, ipcrypt, ipcrypt-pfx, ff1): the id of the root key. Needed once the ring has two.",
        },
        subject: {
          type: "string",
          minLength: 1,
          description:
            "Only for vault, which needs it: the column whose value says whose a row is. Erasure goes by it; the vault keeps a keyed hash of it.",
        },
        alphabet: {
          type: "string",
          minLength: 2,
          maxLength: 256,
          description:
            "Only for ff1: the characters that are replaced, and by which: digits (the default), hex, lowercase, uppercase, base36, base62, or the characters themselves, in order.",
        },
        template: {
          type: "string",
          minLength: 1,
          maxLength: 256,
          description:
            "Only for ff1: the form of the value. # stands for a character of the alphabet, every other character for itself: ###-##-####.",
        },
        tweak: {
          type: "string",
          maxLength: 256,
          description:
            "Only for ff1: a text that goes into every value's encryption beside the key, to agree with another FF1 system. Default: none.",
        },
        first: {
          type: "integer",
          minimum: 0,
          maximum: 64,
          description:
            "Only for partial of a text: so many characters at its start stay, if at least half of the value is hidden; otherwise none.",
        },
        last: {
          type: "integer",
          minimum: 0,
          maximum: 64,
          description:
            "Only for partial of a text: so many characters at its end stay, if at least half of the value is hidden; otherwise none.",
        },
        ipv4_prefix: {
          type: "integer",
          minimum: 0,
          maximum: 31,
          description: "Only for partial of an ip: the bits of an IPv4 address that stay. Default: 24.",
        },
        ipv6_prefix: {
          type: "integer",
          minimum: 0,
          maximum: 127,
          description: "Only for partial of an ip: the bits of an IPv6 address that stay. Default: 48.",
        },
        to: {
          type: "string",
          enum: ["hour", "day", "month", "year"],
          description:
            "Only for generalise of a date or timestamp: cut to the start of its hour, day, month or year (UTC); a date to its month or year.",
        },
        bucket: {
          type: "integer",
          minimum: 1,
          maximum: 9_007_199_254_740_991,
          description: "Only for generalise of an integer (2 or more) or number: rounded down to a multiple of this.",
        },
        value: { type: "string", maxLength: 1_000, description: "Only for constant: what stands in every row." },
        salt: {
          type: "string",
          minLength: 1,
          secret: true,
          description: "Only for sha256: what the legacy system hashed together with the value. Write it as ${NAME}.",
        },
        salt_at: {
          type: "string",
          enum: ["start", "end"],
          description: "Only for sha256 with a salt: whether it stood before the value (start, the default) or behind it.",
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

type Options = (typeof columnOptions)["properties"];

/* oxlint-disable typescript/no-unnecessary-type-assertion -- declarations are written file by file: a part that is shared names its type */

/** What a column says of the inside of its values. Stands beside the other options of a column; types and masks are declared there. */
export const insideOptions = {
  paths: {
    type: "object",
    description:
      "Only for type json: the masks of what lies inside the value, by dotted paths. * stands for every element of a list or every member of an object (client.ip, devices.*.id). Names of members are never masked.",
    minProperties: 1,
    additionalProperties: {
      type: "object",
      description: "One path and the mask of the values it leads to.",
      additionalProperties: false,
      required: ["type", "mask"],
      properties: {
        type: columnOptions.properties.type as Options["type"],
        max: columnOptions.properties.max as Options["max"],
        required: {
          type: "boolean",
          description: "Refuse a message where the path leads to no value, or to null. Default: false.",
        },
        mask: columnOptions.properties.mask as Options["mask"],
      },
    },
  },
  scan: {
    type: "array",
    minItems: 1,
    description:
      'Only for type text, with a mask of kind siv, hmac or cmac: what is looked for in the text. Each finding is replaced by {{pii:DOMAIN:TOKEN}}, all else stays. A list of ip, email, uuid, ssn-shape, card, and patterns of your own ({ name: employee, pattern: "E[0-9]{6}" }).',
    items: {
      type: ["string", "object"],
      description: 'ip, email, uuid, ssn-shape, card, or a pattern of your own, such as { name: employee, pattern: "E[0-9]{6}" }.',
      pattern: "^(?:ip|email|uuid|ssn-shape|card)$",
      additionalProperties: false,
      required: ["name", "pattern"],
      properties: {
        name: { type: "string", minLength: 1, maxLength: 64, description: "What your pattern finds." },
        pattern: {
          type: "string",
          minLength: 1,
          maxLength: 1_000,
          description:
            "What it looks like: characters, . [a-z] [^,] \\d \\w \\s (and \\D \\W \\S) \\t \\n \\r, a \\ before a sign for the sign itself, ( ) | and ? * + {m} {m,} {m,n}. No anchors, lazy repetitions, look-around or backreferences. The longest match counts, anywhere in the text.",
        },
      },
    },
  },
} as const;
