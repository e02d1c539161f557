/** `backfill` in maskline.yaml: how files are loaded. All else is as for `run`. */
export const fileOptions = {
  type: "object",
  default: {},
  description: "How `maskline backfill` cuts its work; lanes and times are those of run.",
  additionalProperties: false,
  properties: {
    batch_rows: {
      type: "integer",
      minimum: 1,
      maximum: 50_000,
      default: 32_768,
      description: "Lines in one transaction at most.",
    },
  },
} as const;

export interface FileOptions {
  readonly batch_rows: number;
}
