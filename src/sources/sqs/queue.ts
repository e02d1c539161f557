import { randomUUID } from "node:crypto";

import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";

import { codeName } from "../../aws/sdk-error.ts";
import { MasklineError } from "../../errors.ts";
import { type AdmitAnswer, readAdmitted } from "./admitted-answer.ts";
import { CallDeadline } from "./call-deadline.ts";
import { type ClientOptions, sqsClient } from "./client.ts";
import { isPassingEntry, queueError, unanswered, wantsQueryProtocol } from "./errors.ts";
import type { SqsOptions } from "./options.ts";
import { readRedrivePolicy } from "./redrive-policy.ts";

export interface QueueOptions extends ClientOptions {
  /** `auto` speaks JSON and falls back to Query when the server asks for an Action. */
  readonly protocol: SqsOptions["protocol"];
}

/** Depths are approximate, as SQS says itself. */
export interface QueueFacts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly visibilityTimeoutMs: number;
  /** The largest message, body and attributes together. */
  readonly maximumMessageBytes: number;
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

/** When a message becomes visible to others: extends a lease, or ends it. */
export interface Visibility extends Grip {
  /** From now on; 0 to 43,200. */
  readonly seconds: number;
}

/** An entry of a batch call that was not done, by its place in the request. */
export interface FailedEntry {
  readonly place: number;
  /** It may be done later; otherwise the handle is no longer good. */
  readonly passing: boolean;
}

/** One SQS queue: the calls maskline makes, in whichever protocol the server speaks. Every failure is a MasklineError. */
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

  get isFifo(): boolean {
    return this.#options.url.endsWith(".fifo");
  }

  /** @param admit asked before the body of the answer is read */
  async receive(request: ReceiveRequest, signal: AbortSignal, admit?: AdmitAnswer): Promise<readonly Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#options.url,
      MaxNumberOfMessages: request.limit,
      WaitTimeSeconds: request.waitSeconds,
      // the older name for servers of before 2024, the newer one for those that drop it; Query writes both under one name
      AttributeNames: ["All"],
      ...(this.#protocol === "json" ? { MessageSystemAttributeNames: ["All"] } : {}),
      ...(request.withAttributes ? { MessageAttributeNames: ["All"] } : {}),
      // the same messages again for a try whose answer was lost: a FIFO group stands still while they are out
      ...(this.isFifo ? { ReceiveRequestAttemptId: randomUUID() } : {}),
    });
    const timeoutMs = request.waitSeconds * 1_000 + this.#options.timeoutMs;
    const answer = await this.#call(
      "receiving",
      (client, deadline) => {
        if (admit !== undefined) admitAnswers(command, admit, deadline);
        return client.send(command, { abortSignal: deadline.signal });
      },
      signal,
      timeoutMs,
    );
    return answer.Messages ?? [];
  }

  /** Deletes up to ten messages; answers with those that were not deleted. */
  async deleteBatch(grips: readonly Grip[]): Promise<readonly FailedEntry[]> {
    const command = new DeleteMessageBatchCommand({
      QueueUrl: this.#options.url,
      Entries: grips.map(({ handle }, place) => ({ Id: String(place), ReceiptHandle: handle })),
    });
    const answer = await this.#call("deleting", (client, { signal }) => client.send(command, { abortSignal: signal }));
    return (answer.Failed ?? []).map(failedEntry);
  }

  /** Says for up to ten messages when they become visible to others; answers with those it was not said for. */
  async changeVisibility(messages: readonly Visibility[]): Promise<readonly FailedEntry[]> {
    const command = new ChangeMessageVisibilityBatchCommand({
      QueueUrl: this.#options.url,
      Entries: messages.map(({ handle, seconds }, place) => ({
        Id: String(place),
        ReceiptHandle: handle,
        VisibilityTimeout: seconds,
      })),
    });
    const answer = await this.#call("changing visibility", (client, { signal }) => client.send(command, { abortSignal: signal }));
    return (answer.Failed ?? []).map(failedEntry);
  }

  /** Makes up to ten messages visible to others after `delaySeconds`. A handle that has expired is visible already. */
  async releaseBatch(grips: readonly Grip[], delaySeconds: number): Promise<void> {
    await this.changeVisibility(grips.map(({ handle }) => ({ handle, seconds: delaySeconds })));
  }

  /** Sends up to ten messages. Only the sample generator and the demo send. */
  async sendBatch(bodies: readonly string[]): Promise<void> {
    const command = new SendMessageBatchCommand({
      QueueUrl: this.#options.url,
      Entries: bodies.map((body, place) => ({ Id: String(place), MessageBody: body })),
    });
    const answer = await this.#call("sending", (client, { signal }) => client.send(command, { abortSignal: signal }));
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
    const answer = await this.#call(
      "reading the queue's attributes",
      (client, deadline) => client.send(command, { abortSignal: deadline.signal }),
      signal,
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
      maximumMessageBytes: count("MaximumMessageSize", 1_048_576),
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

  async #call<T>(
    doing: string,
    send: (client: SQSClient, deadline: CallDeadline) => Promise<T>,
    caller?: AbortSignal,
    timeoutMs: number = this.#options.timeoutMs,
  ): Promise<T> {
    const deadline = new CallDeadline(timeoutMs, caller);
    try {
      return await this.#inEitherProtocol((client) => send(client, deadline));
    } catch (error) {
      throw deadline.passed ? unanswered(doing, this.shown) : queueError(error, doing, this.shown);
    } finally {
      deadline.end();
    }
  }

  async #inEitherProtocol<T>(send: (client: SQSClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    try {
      const answer = await send(client);
      this.#protocolProven = true;
      return answer;
    } catch (error) {
      // A proxy may answer anything once; a server that has spoken JSON before is not asked in another way.
      if (this.#options.protocol !== "auto" || this.#protocolProven || !wantsQueryProtocol(error)) throw error;
    }
    // Calls that run side by side may all come here; the first changes the protocol for all that follow.
    if (this.#protocol === "json") {
      this.#protocol = "query";
      this.#client = sqsClient(this.#options, "query");
      client.destroy();
    }
    return send(this.#client);
  }
}

/** Lets each try of the call wait for admission between the head of its answer and the body; the call's time stands still meanwhile. */
function admitAnswers(command: ReceiveMessageCommand, admit: AdmitAnswer, deadline: CallDeadline): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      await readAdmitted(result.response, async (length) => {
        deadline.pause();
        const admitted = await admit(length);
        deadline.start();
        return admitted;
      });
      return result;
    },
    // the lowest of this step stands next to the wire: it sees the answer before anyone has read it
    { step: "deserialize", priority: "low", name: "admitAnswers", override: true },
  );
}

function failedEntry({ Id, Code, SenderFault }: BatchResultErrorEntry): FailedEntry {
  return { place: Number(Id), passing: isPassingEntry(codeName(Code), SenderFault === true) };
}
