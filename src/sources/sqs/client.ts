import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";

import { localAccess } from "../../aws/local-server.ts";
import { regionOf } from "./wire/region.ts";
import { longestConnectMs, mostConnections, mostTries } from "./wire/wire.ts";

/** Where a queue is, and how long its server has to answer. */
export interface ClientOptions {
  /** The queue's URL; its origin is the endpoint, so an emulator needs nothing else. */
  readonly url: string;
  /** null: read from the URL where it names one, then from the environment. */
  readonly region: string | null;
  /** A call that has no answer by then has failed; a long poll has its waiting time on top. */
  readonly timeoutMs: number;
}

/** The SDK's client for the server of a queue's URL. */
export function sqsClient(options: ClientOptions, protocol: "json" | "query"): SQSClient {
  const url = new URL(options.url);
  const region = options.region ?? regionOf(url);
  const config: SQSClientConfig = {
    endpoint: url.origin,
    maxAttempts: mostTries,
    requestHandler: {
      connectionTimeout: Math.min(longestConnectMs, options.timeoutMs),
      httpAgent: { maxSockets: mostConnections },
      httpsAgent: { maxSockets: mostConnections },
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
