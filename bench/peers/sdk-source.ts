import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";

import type { Delivery, Settlement, Source } from "../../src/pipeline/ports.ts";
import { region, sideBySide } from "./task.ts";

/** The most that SQS takes or gives in one call. */
const ten = 10;

/**
 * A source on the AWS SDK's client at its defaults: receives of 10 and batch deletes of 10, side by side. Leaves out what maskline's own
 * source does beside that: leases are not extended, bytes are not bounded, a failed delete is not tried again, groups are not kept.
 */
export class SdkSource implements Source {
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #pollers: number;

  constructor(queueUrl: string, pollers: number) {
    this.#client = new SQSClient({ endpoint: new URL(queueUrl).origin, region });
    this.#queueUrl = queueUrl;
    this.#pollers = pollers;
  }

  /** One long poll while nothing is there; then so many pollers gather until the limit, or until one finds nothing more. */
  async receive(limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const gathered = await this.#receiveTen(limit, 20, signal);
    let asked = gathered.length;
    let isEmpty = gathered.length === 0;
    await sideBySide(this.#pollers, async () => {
      while (!isEmpty && asked < limit) {
        const wanted = Math.min(ten, limit - asked);
        asked += wanted;
        const more = await this.#receiveTen(wanted, 0, signal);
        if (more.length === 0) isEmpty = true;
        for (const delivery of more) gathered.push(delivery);
      }
    });
    return gathered;
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const done: string[] = [];
    const back: string[] = [];
    for (const { delivery, outcome } of settlements) (outcome === "returned" ? back : done).push(delivery.handle);
    const QueueUrl = this.#queueUrl;
    await this.#inTens(done, (entries) => this.#client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: entries })));
    await this.#inTens(back, (entries) => {
      const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout: 0 }));
      return this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
    });
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #receiveTen(limit: number, waitSeconds: number, signal: AbortSignal): Promise<Delivery[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: Math.min(ten, limit),
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ["SentTimestamp", "ApproximateReceiveCount"],
    });
    try {
      const { Messages: messages = [] } = await this.#client.send(command, { abortSignal: signal });
      const receivedAtMs = Date.now();
      return messages.map((message) => readDelivery(message, receivedAtMs));
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }

  async #inTens(
    handles: readonly string[],
    send: (entries: { Id: string; ReceiptHandle: string }[]) => Promise<unknown>,
  ): Promise<void> {
    let next = 0;
    await sideBySide(this.#pollers, async () => {
      while (next < handles.length) {
        const some = handles.slice(next, next + ten);
        next += ten;
        await send(some.map((ReceiptHandle, place) => ({ Id: String(place), ReceiptHandle })));
      }
    });
  }
}

function readDelivery({ MessageId, ReceiptHandle, Body, Attributes }: Message, receivedAtMs: number): Delivery {
  return {
    id: MessageId ?? "",
    body: Body ?? "",
    sentAtMs: Number(Attributes?.SentTimestamp),
    receivedAtMs,
    attempt: Number(Attributes?.ApproximateReceiveCount),
    groupId: null,
    attributes: {},
    handle: ReceiptHandle ?? "",
  };
}
