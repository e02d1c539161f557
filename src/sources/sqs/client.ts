import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";

import { localAccess } from "../../aws/local-server.ts";

/** Where a queue is, and how long its server has to answer. */
export interface ClientOptions {
  /** The queue's URL; its origin is the endpoint, so an emulator needs nothing else. */
  readonly url: string;
  /** null: read from the URL where it names one, then from the environment. */
  readonly region: string | null;
  /** A call that has no answer by then has failed; a long poll has its waiting time on top. */
  readonly timeoutMs: number;
}

/**
 * One more try inside a call: for a kept connection that the other side has closed, and for a clock that was set (the SDK corrects what
 * it signs with). More would hide an outage from those who hold messages: they try again themselves, and report it.
 */
const maxAttempts = 2;
/** Receives, deletes and extensions side by side; what is beyond waits for a connection. */
const maxSockets = 256;

/** The SDK's client for the server of a queue's URL. */
export function sqsClient(options: ClientOptions, protocol: "json" | "query"): SQSClient {
  const url = new URL(options.url);
  const region = options.region ?? regionOf(url);
  const config: SQSClientConfig = {
    endpoint: url.origin,
    maxAttempts,
    // a call's whole time is bounded by its deadline
    requestHandler: {
      connectionTimeout: Math.min(5_000, options.timeoutMs),
      httpAgent: { maxSockets },
      httpsAgent: { maxSockets },
    },
  };
  if (region !== null) config.region = region;
  if (protocol === "query") config.protocol = AwsQueryProtocol;
  const local = localAccess(url, process.env);
  if (local !== null) {
    config.credentials = local.credentials;
    config.region ??= local.region;
  }
  return new SQSClient(config);
}

/** `sqs.eu-west-1.amazonaws.com`, `eu-west-1.queue.amazonaws.com`, and VPC endpoints. */
function regionOf(url: URL): string | null {
  return /\.amazonaws\.com(\.cn)?$/.test(url.hostname) ? (/\b[a-z]{2}(?:-[a-z]+)+-\d\b/.exec(url.hostname)?.[0] ?? null) : null;
}
