import type { FromSchema } from "json-schema-to-ts";

/** `backfill` in maskline.yaml: how files are loaded. All else is as for `run`. */
export const fileOptions = {
  type: "object",
  default: {},
  description: "How `maskline backfill` cuts its work; lanes and times are those of run.",
  additionalProperties: false,
  required: ["batch_rows"],
  properties: {
    batch_rows: {
      type: "integer",
      minimum: 1,
      maximum: 50_000,
      default: 8_192,
      description: "Lines in one transaction at most.",
    },
  },
} as const;

export type FileOptions = FromSchema<typeof fileOptions>;
