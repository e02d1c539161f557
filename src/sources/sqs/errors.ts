import { isDenied, isPassing, isRegionMissing, sdkError } from "../../aws/sdk-error.ts";
import { MasklineError } from "../../errors.ts";

/**
 * Whether a server that knows only the Query protocol answered a JSON request. Older queue emulators say "Operation detection failed.
 * Missing Action in request for query-protocol service" with status 500, others `MissingAction` with 400, always in XML. The SDK cannot
 * read that and keeps no more of it than the content type and the first characters.
 */
export function wantsQueryProtocol(error: unknown): boolean {
  const { name, contentType, text } = sdkError(error);
  return name === "MissingAction" || (name === "SyntaxError" && (/\/xml/.test(contentType) || /"<(\?xml|Error)/.test(text)));
}

const missingQueue = /NonExistentQueue|QueueDoesNotExist|QueueDeletedRecently/;

/** The error a user sees for a call that failed. `queue` is safe to show: an URL without credentials. */
export function queueError(error: unknown, doing: string, queue: string): MasklineError {
  if (error instanceof MasklineError) return error;
  const told = sdkError(error);
  const { name, status } = told;
  const text = `while ${doing} (${queue}): ${name}${status === null ? "" : `, HTTP ${status}`}`;
  if (name === "AbortError") return new MasklineError("interrupted", `stopped while ${doing} (${queue})`);
  if (isRegionMissing(told)) {
    return new MasklineError("config_invalid", `no AWS region is known ${text}`, {
      next: "set source.sqs.region, or AWS_REGION in the environment",
    });
  }
  if (missingQueue.test(name)) {
    return new MasklineError("queue_missing", `there is no such queue ${text}`, {
      next: "check source.sqs.queue (and source.sqs.region): the URL ends in /ACCOUNT/QUEUE-NAME",
    });
  }
  if (isDenied(told)) {
    return new MasklineError("queue_denied", `the queue refused the credentials or the right ${text}`, {
      next: "check the AWS credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID ...); needed: sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes",
    });
  }
  if (name.startsWith("Kms")) {
    return new MasklineError("queue_denied", `the queue's encryption key cannot be used ${text}`, {
      next: "check the KMS key of the queue: its state, and the right kms:Decrypt",
    });
  }
  if (isPassing(told)) {
    return new MasklineError("queue_unreachable", `the queue does not answer ${text}`, {
      next: "check that the server of source.sqs.queue can be reached from here",
    });
  }
  return new MasklineError("queue_refused", `the queue refused a request ${text}`, {
    next: "check source.sqs.queue: it must be the queue's URL, not the endpoint alone",
  });
}
