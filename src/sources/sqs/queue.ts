import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  type SQSClientConfig,
} from "@aws-sdk/client-sqs";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";

import { localAccess } from "../../aws/local-server.ts";
import { codeName } from "../../aws/sdk-error.ts";
import { MasklineError } from "../../errors.ts";
import { queueError, wantsQueryProtocol } from "./errors.ts";
import type { SqsOptions } from "./options.ts";
import { readRedrivePolicy } from "./redrive-policy.ts";

export interface QueueOptions {
  /** The queue's URL; its origin is the endpoint, so an emulator needs nothing else. */
  readonly url: string;
  /** null: read from the URL where it names one, then from the environment. */
  readonly region: string | null;
  /** A call that has no answer by then has failed; longer than the longest poll. */
  readonly timeoutMs: number;
  /** `auto` speaks JSON and falls back to Query when the server asks for an Action. */
  readonly protocol: SqsOptions["protocol"];
}

/** Depths are approximate, as SQS says itself. */
export interface QueueFacts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly visibilityTimeoutMs: number;
  /** How often a message is received at most; the next receive finds it in the dead-letter queue. Null where there is none. */
  readonly maxReceiveCount: number | null;
  /** The ARN of the queue where messages go that were received too often; null where there is none. */
  readonly deadLetterQueue: string | null;
  /** Keeps the order inside a group of messages. */
  readonly fifo: boolean;
}

export interface ReceiveRequest {
  /** 1 to 10: SQS refuses more. */
  readonly limit: number;
  /** 0 to 20. */
  readonly waitSeconds: number;
  readonly withAttributes: boolean;
}

export interface Grip {
  readonly handle: string;
}

/** One SQS queue: the four calls maskline makes, in whichever protocol the server speaks. Every failure is a MasklineError. */
export class Queue {
  readonly shown: string;
  readonly #options: QueueOptions;
  #client: SQSClient;
  #protocol: "json" | "query";
  #protocolProven = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#protocol = options.protocol === "query" ? "query" : "json";
    this.#client = sqsClient(options, this.#protocol);
    this.shown = options.url;
  }

  get protocol(): "json" | "query" {
    return this.#protocol;
  }

  async receive(request: ReceiveRequest, signal: AbortSignal): Promise<readonly Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#options.url,
      MaxNumberOfMessages: request.limit,
      WaitTimeSeconds: request.waitSeconds,
      // the older name for servers of before 2024, the newer one for those that drop it; Query writes both under one name
      AttributeNames: ["All"],
      ...(this.#protocol === "json" ? { MessageSystemAttributeNames: ["All"] } : {}),
      ...(request.withAttributes ? { MessageAttributeNames: ["All"] } : {}),
    });
    const answer = await this.#call("receiving", (client) => client.send(command, { abortSignal: signal }));
    return answer.Messages ?? [];
  }

  /** Deletes up to ten messages; answers with the places of those that were not deleted. */
  async deleteBatch(grips: readonly Grip[]): Promise<readonly number[]> {
    const command = new DeleteMessageBatchCommand({
      QueueUrl: this.#options.url,
      Entries: grips.map(({ handle }, place) => ({ Id: String(place), ReceiptHandle: handle })),
    });
    const answer = await this.#call("deleting", (client) => client.send(command));
    return (answer.Failed ?? []).map(({ Id }) => Number(Id));
  }

  /** Makes up to ten messages visible to others after `delaySeconds`. A handle that has expired is visible already. */
  async releaseBatch(grips: readonly Grip[], delaySeconds: number): Promise<void> {
    const command = new ChangeMessageVisibilityBatchCommand({
      QueueUrl: this.#options.url,
      Entries: grips.map(({ handle }, place) => ({ Id: String(place), ReceiptHandle: handle, VisibilityTimeout: delaySeconds })),
    });
    await this.#call("releasing", (client) => client.send(command));
  }

  /** Sends up to ten messages. Only the sample generator and the demo send. */
  async sendBatch(bodies: readonly string[]): Promise<void> {
    const command = new SendMessageBatchCommand({
      QueueUrl: this.#options.url,
      Entries: bodies.map((body, place) => ({ Id: String(place), MessageBody: body })),
    });
    const answer = await this.#call("sending", (client) => client.send(command));
    const [failed] = answer.Failed ?? [];
    if (failed !== undefined) {
      throw new MasklineError(
        "queue_refused",
        `the queue did not take ${answer.Failed?.length} messages while sending (${this.shown}): ${codeName(failed.Code)}`,
      );
    }
  }

  async facts(signal?: AbortSignal): Promise<QueueFacts> {
    const command = new GetQueueAttributesCommand({ QueueUrl: this.#options.url, AttributeNames: ["All"] });
    const answer = await this.#call("reading the queue's attributes", (client) =>
      client.send(command, signal === undefined ? {} : { abortSignal: signal }),
    );
    const attributes: Readonly<Record<string, string | undefined>> = answer.Attributes ?? {};
    const count = (name: string, missing: number): number => {
      const value = Number(attributes[name]);
      return Number.isFinite(value) ? value : missing;
    };
    return {
      visible: count("ApproximateNumberOfMessages", 0),
      inFlight: count("ApproximateNumberOfMessagesNotVisible", 0),
      delayed: count("ApproximateNumberOfMessagesDelayed", 0),
      visibilityTimeoutMs: count("VisibilityTimeout", 30) * 1_000,
      ...readRedrivePolicy(attributes["RedrivePolicy"]),
      fifo: attributes["FifoQueue"] === "true",
    };
  }

  /** Any other call, for what is not part of the pipeline's own work. */
  async ask<T>(doing: string, send: (client: SQSClient) => Promise<T>): Promise<T> {
    return this.#call(doing, send);
  }

  close(): void {
    this.#client.destroy();
  }

  async #call<T>(doing: string, send: (client: SQSClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    try {
      const answer = await send(client);
      this.#protocolProven = true;
      return answer;
    } catch (error) {
      // A proxy may answer anything once; a server that has spoken JSON before is not asked in another way.
      if (this.#options.protocol !== "auto" || this.#protocolProven || !wantsQueryProtocol(error)) {
        throw queueError(error, doing, this.shown);
      }
    }
    // Calls that run side by side may all come here; the first changes the protocol for all that follow.
    if (this.#protocol === "json") {
      this.#protocol = "query";
      this.#client = sqsClient(this.#options, "query");
      client.destroy();
    }
    return send(this.#client).catch((error: unknown) => {
      throw queueError(error, doing, this.shown);
    });
  }
}

function sqsClient(options: QueueOptions, protocol: "json" | "query"): SQSClient {
  const url = new URL(options.url);
  const region = options.region ?? regionOf(url);
  const { timeoutMs } = options;
  const config: SQSClientConfig = {
    endpoint: url.origin,
    requestHandler: { connectionTimeout: Math.min(5_000, timeoutMs), requestTimeout: timeoutMs, throwOnRequestTimeout: true },
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
