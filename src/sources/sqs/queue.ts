import { randomUUID } from "node:crypto";

import type {
  BatchResultErrorEntry,
  Message,
  MessageSystemAttributeName,
  QueueAttributeName,
  SQSClient,
} from "@aws-sdk/client-sqs";

import { codeName } from "../../aws/sdk-error.ts";
import { MasklineError } from "../../errors.ts";
import type { AdmitAnswer } from "./admitted-answer.ts";
import { CallDeadline } from "./call-deadline.ts";
import type { ClientOptions } from "./client.ts";
import { isPassingEntry, queueError, unanswered, wantsQueryProtocol } from "./errors.ts";
import type { SqsOptions } from "./options.ts";
import { readRedrivePolicy } from "./redrive-policy.ts";
import { LeanWire } from "./wire/lean.ts";
import type { SdkWire } from "./wire/sdk.ts";
import type { Action, Calls, Wire } from "./wire/wire.ts";

export interface QueueOptions extends ClientOptions {
  /** `auto` speaks JSON and falls back to Query when the server asks for an Action. */
  readonly protocol: SqsOptions["protocol"];
  /** What carries the calls a run consists of; all others go over the SDK. */
  readonly transport: SqsOptions["transport"];
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

/** Beside the body: when it was sent, how often it was received, and in which group it stands. */
const systemAttributes: MessageSystemAttributeName[] = ["SentTimestamp", "ApproximateReceiveCount", "MessageGroupId"];

/** One SQS queue: the calls maskline makes, in whichever protocol the server speaks. Every failure is a MasklineError. */
export class Queue {
  readonly shown: string;
  readonly #options: QueueOptions;
  /** Speaks JSON only. */
  #lean: LeanWire | null;
  /** Loaded when it is asked for first. */
  #sdk: Promise<SdkWire> | null = null;
  #protocol: "json" | "query";
  #protocolProven = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#protocol = options.protocol === "query" ? "query" : "json";
    this.#lean = options.transport === "lean" && this.#protocol === "json" ? new LeanWire(options) : null;
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
    const input: Calls["ReceiveMessage"]["input"] = {
      QueueUrl: this.#options.url,
      MaxNumberOfMessages: request.limit,
      WaitTimeSeconds: request.waitSeconds,
      // the older name for servers of before 2024, the newer one for those that drop it; Query writes both under one name
      // (it takes them by these names: API reference, ReceiveMessage; the SDK declares it otherwise)
      AttributeNames: systemAttributes as unknown as QueueAttributeName[],
      ...(this.#protocol === "json" ? { MessageSystemAttributeNames: systemAttributes } : {}),
      ...(request.withAttributes ? { MessageAttributeNames: ["All"] } : {}),
      // the same messages again for a try whose answer was lost: a FIFO group stands still while they are out
      ...(this.isFifo ? { ReceiveRequestAttemptId: randomUUID() } : {}),
    };
    const timeoutMs = request.waitSeconds * 1_000 + this.#options.timeoutMs;
    const answer = await this.#call("ReceiveMessage", input, new CallDeadline(timeoutMs, signal), admit);
    return answer.Messages ?? [];
  }

  /** Deletes up to ten messages; answers with those that were not deleted. */
  async deleteBatch(grips: readonly Grip[]): Promise<readonly FailedEntry[]> {
    const answer = await this.#call("DeleteMessageBatch", {
      QueueUrl: this.#options.url,
      Entries: grips.map(({ handle }, place) => ({ Id: String(place), ReceiptHandle: handle })),
    });
    return (answer.Failed ?? []).map(failedEntry);
  }

  /** Says for up to ten messages when they become visible to others; answers with those it was not said for. */
  async changeVisibility(messages: readonly Visibility[]): Promise<readonly FailedEntry[]> {
    const answer = await this.#call("ChangeMessageVisibilityBatch", {
      QueueUrl: this.#options.url,
      Entries: messages.map(({ handle, seconds }, place) => ({
        Id: String(place),
        ReceiptHandle: handle,
        VisibilityTimeout: seconds,
      })),
    });
    return (answer.Failed ?? []).map(failedEntry);
  }

  /** Makes up to ten messages visible to others after `delaySeconds`. A handle that has expired is visible already. */
  async releaseBatch(grips: readonly Grip[], delaySeconds: number): Promise<void> {
    await this.changeVisibility(grips.map(({ handle }) => ({ handle, seconds: delaySeconds })));
  }

  /** Sends up to ten messages. Only the sample generator and the demo send. */
  async sendBatch(bodies: readonly string[]): Promise<void> {
    const { SendMessageBatchCommand } = await import("@aws-sdk/client-sqs");
    const command = new SendMessageBatchCommand({
      QueueUrl: this.#options.url,
      Entries: bodies.map((body, place) => ({ Id: String(place), MessageBody: body })),
    });
    const answer = await this.ask("sending", (client, abortSignal) => client.send(command, { abortSignal }));
    const [failed] = answer.Failed ?? [];
    if (failed !== undefined) {
      throw new MasklineError(
        "queue_refused",
        `the queue did not take ${answer.Failed?.length} messages while sending (${this.shown}): ${codeName(failed.Code)}`,
      );
    }
  }

  async facts(signal?: AbortSignal): Promise<QueueFacts> {
    const input: Calls["GetQueueAttributes"]["input"] = { QueueUrl: this.#options.url, AttributeNames: ["All"] };
    const answer = await this.#call("GetQueueAttributes", input, new CallDeadline(this.#options.timeoutMs, signal));
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
  async ask<T>(doing: string, send: (client: SQSClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = new CallDeadline(this.#options.timeoutMs, undefined);
    try {
      return await this.#inEitherProtocol(async () => send((await this.#overSdk()).client, deadline.signal));
    } catch (error) {
      throw this.#failure(error, doing, deadline);
    } finally {
      deadline.end();
    }
  }

  close(): void {
    this.#lean?.close();
    void this.#sdk?.then((wire) => wire.close());
  }

  async #call<A extends Action>(
    action: A,
    input: Calls[A]["input"],
    deadline: CallDeadline = new CallDeadline(this.#options.timeoutMs, undefined),
    admit?: AdmitAnswer,
  ): Promise<Calls[A]["output"]> {
    try {
      if (this.#protocolProven && this.#lean !== null) return await this.#lean.send(action, input, deadline, admit);
      return await this.#inEitherProtocol(async () => {
        const wire: Wire = this.#lean ?? (await this.#overSdk());
        return wire.send(action, input, deadline, admit);
      });
    } catch (error) {
      throw this.#failure(error, doings[action], deadline);
    } finally {
      deadline.end();
    }
  }

  #failure(error: unknown, doing: string, deadline: CallDeadline): MasklineError {
    return deadline.passed ? unanswered(doing, this.shown) : queueError(error, doing, this.shown);
  }

  /** The SDK's client, in the protocol that is spoken now. */
  async #overSdk(): Promise<SdkWire> {
    return (this.#sdk ??= this.#openSdk());
  }

  async #openSdk(): Promise<SdkWire> {
    const { SdkWire: Opened } = await import("./wire/sdk.ts");
    return new Opened(this.#options, this.#protocol);
  }

  async #inEitherProtocol<T>(send: () => Promise<T>): Promise<T> {
    try {
      const answer = await send();
      this.#protocolProven = true;
      return answer;
    } catch (error) {
      // A proxy may answer anything once; a server that has spoken JSON before is not asked in another way.
      if (this.#options.protocol !== "auto" || this.#protocolProven || !wantsQueryProtocol(error)) throw error;
    }
    // Calls that run side by side may all come here; the first changes the protocol for all that follow.
    if (this.#protocol === "json") {
      this.close();
      this.#protocol = "query";
      this.#lean = null;
      this.#sdk = null;
    }
    return send();
  }
}

const doings: Readonly<Record<Action, string>> = {
  ReceiveMessage: "receiving",
  DeleteMessageBatch: "deleting",
  ChangeMessageVisibilityBatch: "changing visibility",
  GetQueueAttributes: "reading the queue's attributes",
};

function failedEntry({ Id, Code, SenderFault }: BatchResultErrorEntry): FailedEntry {
  return { place: Number(Id), passing: isPassingEntry(codeName(Code), SenderFault === true) };
}
