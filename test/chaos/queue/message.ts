import type { MessageAttributes } from "./attributes.ts";

/** Where a message is: to be had, in flight, not to be had yet, or deleted. */
export type MessageState = "ready" | "hidden" | "delayed" | "gone";

/** What a producer gives. */
export interface NewMessage {
  readonly body: string;
  readonly attributes: MessageAttributes | null;
  /** FIFO queues need one; a standard queue passes it on. */
  readonly group: string | null;
  readonly deduplicationId: string | null;
  readonly delayMs: number | null;
}

export interface Message {
  /** Its place in this queue's order. */
  readonly serial: number;
  readonly id: string;
  readonly body: string;
  readonly bodyMd5: string;
  readonly sentAtMs: number;
  readonly attributes: MessageAttributes | null;
  readonly group: string | null;
  readonly deduplicationId: string | null;
  /** FIFO only. */
  readonly sequence: string | null;
  /** In a dead-letter queue: the ARN of the queue it died in. */
  readonly diedIn: string | null;
  /** ApproximateReceiveCount. */
  receives: number;
  /** Receives that count towards `maxReceiveCount`: copies of a message in flight, a fault of the queue's, do not. */
  spent: number;
  firstReceivedAtMs: number | null;
  state: MessageState;
  /** On the monotonic clock; means something while hidden or delayed. */
  visibleAtMs: number;
  /** The number of the newest receipt handle; 0 before the first. */
  grip: number;
}
