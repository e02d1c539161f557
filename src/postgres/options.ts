import type { FromSchema } from "json-schema-to-ts";

/** `sink.postgres` in maskline.yaml. */
export const postgresOptions = {
  type: "object",
  description: "A PostgreSQL database, version 10 or later.",
  additionalProperties: false,
  required: ["url", "table"],
  properties: {
    url: {
      type: "string",
      minLength: 1,
      secret: true,
      description: "postgres://user:password@host:port/database. Best from the environment: ${DATABASE_URL}.",
    },
    table: {
      type: "string",
      minLength: 1,
      description:
        'The table rows are loaded into: table, schema.table or "Quoted Schema"."table". It is never altered. Schema: public.',
    },
    schema: {
      type: "string",
      minLength: 1,
      default: "maskline",
      description: "The schema that holds what maskline owns: receipts, quarantine, ledger.",
    },
    on_conflict: {
      type: "string",
      enum: ["refuse", "skip"],
      default: "refuse",
      description:
        "A row that clashes with a unique key of the table: refuse quarantines it, skip leaves the row that is there and counts a duplicate.",
    },
    receipt_days: {
      type: "integer",
      minimum: 15,
      maximum: 3_650,
      default: 15,
      description: "How long receipts are kept, in days from when a message was sent. A queue keeps a message 14 at most.",
    },
    tls: {
      type: "string",
      enum: ["off", "require", "verify-full"],
      description:
        "off, encrypted (require), or encrypted and verified (verify-full). Default: off on loopback, verify-full everywhere else.",
    },
    ca: {
      type: "string",
      minLength: 1,
      description: "PEM file (beside this file) of the authority that signed the server's certificate. Default: the system's.",
    },
  },
} as const;

export type PostgresOptions = FromSchema<typeof postgresOptions>;
