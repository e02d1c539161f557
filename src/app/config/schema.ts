import type { ColumnOptions } from "../../contract/column.ts";
import type { Decoding } from "../../contract/column.ts";
import { columnOptions, decodeOptions, insideOptions } from "../../contract/options.ts";
import { postgresOptions, type PostgresOptions } from "../../postgres/options.ts";
import { sqsOptions, type SqsOptions } from "../../sources/sqs/options.ts";

/** The part of JSON Schema (draft 7) that options are declared in. `secret` marks values that are never shown and never taken from argv. */
export interface OptionSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly additionalProperties?: boolean | OptionSchema;
  readonly required?: readonly string[];
  readonly items?: OptionSchema;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minProperties?: number;
  readonly minItems?: number;
  readonly pattern?: string;
  readonly secret?: boolean;
  readonly [annotation: `$${string}`]: string;
}

/** maskline.yaml after defaults. `source` and `sink` may be left out where a command does not need them. */
export interface Options {
  readonly pipeline?: string;
  readonly source?: { readonly sqs?: SqsOptions };
  readonly keyring?: string;
  readonly sink?: { readonly postgres?: PostgresOptions };
  readonly decode: readonly Decoding[];
  readonly columns: Readonly<Record<string, ColumnOptions>>;
  readonly limits: { readonly body_bytes: number };
  readonly run: { readonly lanes: number; readonly batch_rows: number; readonly linger_ms: number };
}

/** The whole configuration file. Each option is declared once: by the folder it belongs to, or here. */
export const configurationSchema: OptionSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  description: "maskline.yaml",
  type: "object",
  additionalProperties: false,
  required: ["columns"],
  properties: {
    pipeline: {
      type: "string",
      minLength: 1,
      maxLength: 200,
      description:
        "The name under which receipts and ledger are kept: a message has one effect in each pipeline. Default: the target table.",
    },
    source: {
      type: "object",
      description: "Where messages come from.",
      additionalProperties: false,
      properties: { sqs: sqsOptions },
    },
    keyring: {
      type: "string",
      pattern: "^file:.+",
      description: "Where the keys are: file:./keyring.json (beside this file), made by `maskline keys create`.",
    },
    sink: {
      type: "object",
      description: "Where rows go.",
      additionalProperties: false,
      properties: { postgres: postgresOptions },
    },
    decode: decodeOptions,
    columns: {
      type: "object",
      description: "The contract: the columns of a row, by their name in the table.",
      minProperties: 1,
      additionalProperties: { ...columnOptions, properties: { ...columnOptions.properties, ...insideOptions } },
    },
    limits: {
      type: "object",
      default: {},
      description: "Bounds on what is accepted.",
      additionalProperties: false,
      properties: {
        body_bytes: {
          type: "integer",
          minimum: 1_024,
          maximum: 67_108_864,
          default: 1_048_576,
          description: "The largest body, before and after unpacking, in bytes.",
        },
      },
    },
    run: {
      type: "object",
      default: {},
      description: "How the work is cut.",
      additionalProperties: false,
      properties: {
        lanes: {
          type: "integer",
          minimum: 1,
          maximum: 32,
          default: 2,
          description: "Loops of receive, check, mask, load, settle. Two overlap receiving with loading.",
        },
        batch_rows: {
          type: "integer",
          minimum: 1,
          maximum: 10_000,
          default: 1_000,
          description: "Messages in one transaction at most.",
        },
        linger_ms: {
          type: "integer",
          minimum: 0,
          maximum: 20_000,
          default: 500,
          description: "A batch is loaded after this time, however small, in ms.",
        },
      },
    },
  },
};
