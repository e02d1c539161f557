import type { ColumnOptions } from "../../contract/column.ts";
import type { Decoding } from "../../contract/column.ts";
import { columnOptions, decodeOptions, insideOptions } from "../../contract/options.ts";
import { keyringOptions, type KeyringOptions } from "../../keys/options.ts";
import { postgresOptions, type PostgresOptions } from "../../postgres/options.ts";
import { type FileOptions, fileOptions } from "../../sources/files/options.ts";
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
  /** Of a group: the member that a text in the group's place stands for. */
  readonly shorthand?: string;
  readonly [annotation: `$${string}`]: string;
}

/** maskline.yaml after defaults. `source` and `sink` may be left out where a command does not need them. */
export interface Options {
  readonly pipeline?: string;
  readonly source?: { readonly sqs?: SqsOptions };
  /** As a group, also where the file has a text. */
  readonly keyring?: KeyringOptions;
  readonly sink?: { readonly postgres?: PostgresOptions };
  readonly decode: readonly Decoding[];
  readonly columns: Readonly<Record<string, ColumnOptions>>;
  readonly identity: string;
  readonly limits: {
    readonly body_bytes: number;
    readonly held_bytes: number;
    readonly refused: number | null;
    readonly share: number | null;
    readonly window: number;
  };
  readonly run: {
    readonly lanes: number;
    readonly batch_rows: number;
    readonly linger_ms: number;
    readonly hold_seconds: number;
    readonly stop_seconds: number;
    readonly on_refused: "continue" | "hold";
    readonly refused: "quarantine" | "dead-letter" | "drop";
    readonly insecure: boolean;
  };
  readonly backfill: FileOptions;
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
    keyring: keyringOptions,
    sink: {
      type: "object",
      description: "Where rows go.",
      additionalProperties: false,
      properties: { postgres: postgresOptions },
    },
    decode: decodeOptions,
    identity: {
      type: "string",
      minLength: 1,
      default: "$message_id",
      description:
        "What makes two deliveries the same message: $message_id, or for producers that send an event twice a path into the body, or $attributes.NAME: a text of at most 256 characters, or a whole number. It is stored as it is: never a personal field. Another identity means other receipts: change it when the queue is empty.",
    },
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
          description: "The largest body, before and after unpacking, in bytes. A larger one is refused without being parsed.",
        },
        held_bytes: {
          type: "integer",
          minimum: 16_777_216,
          maximum: 4_294_967_296,
          default: 33_554_432,
          description:
            "Bodies in memory at once, in bytes, whatever their size and the backlog. The default fits a container of 256 MB.",
        },
        refused: {
          type: ["integer", "null"],
          minimum: 0,
          maximum: 1_000_000_000,
          default: 30,
          description: "The run stops when more than so many messages of the window are refused; null for no limit.",
        },
        share: {
          type: ["number", "null"],
          minimum: 0,
          maximum: 1,
          default: 0.05,
          description: "The run stops when more than this share of a full window is refused; null for no limit.",
        },
        window: {
          type: "integer",
          minimum: 10,
          maximum: 1_000_000,
          default: 1_000,
          description: "How many of the newest messages of the pipeline, of all its processes, `refused` and `share` look at.",
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
        hold_seconds: {
          type: "integer",
          minimum: 0,
          maximum: 36_000,
          default: 120,
          description: "How long messages are held through an outage before they go back to the queue, in s.",
        },
        stop_seconds: {
          type: "integer",
          minimum: 1,
          maximum: 3_600,
          default: 25,
          description: "A stop (SIGTERM, Ctrl-C) ends the process within this time, in s.",
        },
        on_refused: {
          type: "string",
          enum: ["continue", "hold"],
          default: "continue",
          description:
            "In groups that keep their order (FIFO): quarantine a refused message and go on, or hold its group: it goes back with all that follow it.",
        },
        refused: {
          type: "string",
          enum: ["quarantine", "dead-letter", "drop"],
          default: "quarantine",
          description:
            "What becomes of a refused message: sealed into the quarantine; given back to its queue until the queue's redrive policy moves it to the dead-letter queue (limits.refused and limits.share do not count it then; lines of files are quarantined); or dropped: deleted, with no body kept. drop needs insecure: true.",
        },
        insecure: {
          type: "boolean",
          default: false,
          description: "Consent to what loses messages for good: refused: drop.",
        },
      },
    },
    backfill: fileOptions,
  },
};
