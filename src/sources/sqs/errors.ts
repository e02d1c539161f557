import { isDenied, isExpired, isPassing, isRegionMissing, isThrottled, sdkError } from "../../aws/sdk-error.ts";
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

/** No answer in time. */
export function unanswered(doing: string, queue: string): MasklineError {
  return new MasklineError("queue_unreachable", `the queue does not answer while ${doing} (${queue}): TimeoutError`, {
    next: reachable,
  });
}

/** Whether an entry of a batch call failed for a reason that passes; otherwise its handle is no longer good. */
export function isPassingEntry(code: string, isSenderFault: boolean): boolean {
  return isThrottled({ name: code, status: null }) || (!isSenderFault && !/ReceiptHandle|InvalidParameter|NotInflight/i.test(code));
}

const reachable = "check that the server of source.sqs.queue can be reached from here";
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
  if (isExpired(told)) {
    return new MasklineError("queue_expired", `the credentials for the queue have expired ${text}`, {
      next: "renew them (aws sso login, a new role session): a profile or role that is renewed is taken up as it is, fixed keys need a new start",
    });
  }
  if (isThrottled(told)) {
    return new MasklineError("queue_unreachable", `the queue, or its key, is throttled ${text}`, {
      next: "it is asked again more slowly; look for others that use the same queue, key or account",
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
  if (/^kms/i.test(name)) {
    return new MasklineError("queue_denied", `the queue's encryption key cannot be used ${text}`, {
      next: "check the KMS key of the queue: its state, and the right kms:Decrypt",
    });
  }
  if (isPassing(told)) {
    return new MasklineError("queue_unreachable", `the queue does not answer ${text}`, {
      next: reachable,
    });
  }
  return new MasklineError("queue_refused", `the queue refused a request ${text}`, {
    next: "check source.sqs.queue: it must be the queue's URL, not the endpoint alone",
  });
}
