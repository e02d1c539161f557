import type { FromSchema } from "json-schema-to-ts";

/** `source.sqs` in maskline.yaml. Credentials come from the AWS SDK's chain (environment, profile, role), never from this file. */
export const sqsOptions = {
  type: "object",
  description: "An AWS SQS queue, or a server that speaks its protocol.",
  additionalProperties: false,
  required: ["queue"],
  properties: {
    queue: {
      type: "string",
      pattern: "^https?://[^/@]+/.+",
      description: "The queue's URL, ending in /ACCOUNT/QUEUE-NAME. Its origin is the endpoint.",
    },
    region: {
      type: "string",
      pattern: "^[a-z0-9-]+$",
      description: "The AWS region. Default: the one in the URL, then AWS_REGION.",
    },
    protocol: {
      type: "string",
      enum: ["auto", "json", "query"],
      default: "auto",
      description: "auto speaks JSON and falls back to Query for servers that know only that.",
    },
    transport: {
      type: "string",
      enum: ["lean", "sdk"],
      default: "lean",
      description:
        "lean makes the calls of a run over a transport of maskline's own, at a tenth of the cost; sdk makes all calls with the AWS SDK's client. The Query protocol is always spoken by the SDK.",
    },
    wait_seconds: {
      type: "integer",
      minimum: 1,
      maximum: 20,
      default: 20,
      description: "How long an idle receive waits for a message (long poll).",
    },
    parallel_calls: {
      type: "integer",
      minimum: 1,
      maximum: 128,
      default: 64,
      description:
        "At most so many receives, and so many deletes, at once. There are as many as round trips ask for: 8 beside the queue, all where they take 10 ms or more.",
    },
  },
} as const;

export type SqsOptions = FromSchema<typeof sqsOptions>;
