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
