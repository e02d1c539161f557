import type {
  ChangeMessageVisibilityBatchRequest,
  ChangeMessageVisibilityBatchResult,
  DeleteMessageBatchRequest,
  DeleteMessageBatchResult,
  GetQueueAttributesRequest,
  GetQueueAttributesResult,
  ReceiveMessageRequest,
  ReceiveMessageResult,
} from "@aws-sdk/client-sqs";

import type { AdmitAnswer } from "../admitted-answer.ts";
import type { CallDeadline } from "../call-deadline.ts";

/** The calls a run consists of, in the shapes of the SQS API. */
export interface Calls {
  readonly ReceiveMessage: { readonly input: ReceiveMessageRequest; readonly output: ReceiveMessageResult };
  readonly DeleteMessageBatch: { readonly input: DeleteMessageBatchRequest; readonly output: DeleteMessageBatchResult };
  readonly ChangeMessageVisibilityBatch: {
    readonly input: ChangeMessageVisibilityBatchRequest;
    readonly output: ChangeMessageVisibilityBatchResult;
  };
  readonly GetQueueAttributes: { readonly input: GetQueueAttributesRequest; readonly output: GetQueueAttributesResult };
}

export type Action = keyof Calls;

/**
 * The way to a queue's server. Whatever it is made of, one more try is part of a call where that may help, a clock that is off is
 * corrected, and bodies are what their checksums say; errors are those `queueError` tells apart.
 */
export interface Wire {
  /**
   * Rejects when the deadline is over.
   * @param admit asked before the body of a good answer is read
   */
  send<A extends Action>(
    action: A,
    input: Calls[A]["input"],
    deadline: CallDeadline,
    admit?: AdmitAnswer,
  ): Promise<Calls[A]["output"]>;
  close(): void;
}

/**
 * One more try inside a call: for a kept connection that the other side has closed, and for a clock that was set. More would hide an
 * outage from those who hold messages: they try again themselves, and report it.
 */
export const mostTries = 2;
/** Receives, deletes and extensions side by side; what is beyond waits for a connection. */
export const mostConnections = 256;
/** To have a connection; a call's whole time is bounded by its deadline. */
export const longestConnectMs = 5_000;
