import { MasklineError } from "../../errors.ts";

/** The parts of an SDK error that are looked at. Its text is not shown: a server may put anything there. */
interface SdkError {
  readonly name: string;
  readonly status: number | null;
  /** The answer's raw text, where the SDK could not read it. */
  readonly rawBody: string;
}

function sdkError(error: unknown): SdkError {
  if (!(error instanceof Error)) return { name: "unknown", status: null, rawBody: "" };
  const metadata: unknown = Reflect.get(error, "$metadata");
  const status: unknown = typeof metadata === "object" && metadata !== null ? Reflect.get(metadata, "httpStatusCode") : undefined;
  const code: unknown = Reflect.get(error, "code");
  const rawBody: unknown = Reflect.get(error, "$responseBodyText");
  return {
    name: error.name === "Error" && typeof code === "string" ? code : error.name,
    status: typeof status === "number" ? status : null,
    rawBody: `${typeof rawBody === "string" ? rawBody : ""} ${error.message}`,
  };
}

/**
 * Whether a server that knows only the Query protocol answered a JSON request. Older queue emulators say "Operation detection failed.
 * Missing Action in request for query-protocol service" with status 500, others `MissingAction` with 400.
 */
export function wantsQueryProtocol(error: unknown): boolean {
  const { name, rawBody } = sdkError(error);
  return name === "MissingAction" || /Missing\s?Action/.test(rawBody);
}

const missingQueue = /NonExistentQueue|QueueDoesNotExist|QueueDeletedRecently/;
const denied =
  /AccessDenied|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|ExpiredToken|InvalidSecurity|InvalidAccessKeyId|OptInRequired|CredentialsProvider|CredentialsError|TokenProviderError|KmsAccessDenied|KmsDisabled/;
const passing =
  /Throttl|Timeout|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|EHOST|ENETUNREACH|RequestLimitExceeded|ServiceUnavailable|InternalError|InternalFailure|OverLimit/;

/** The error a user sees for a call that failed. `queue` is safe to show: an URL without credentials. */
export function queueError(error: unknown, doing: string, queue: string): MasklineError {
  if (error instanceof MasklineError) return error;
  const { name, status, rawBody } = sdkError(error);
  const text = `while ${doing} (${queue}): ${name}${status === null ? "" : `, HTTP ${status}`}`;
  if (/Region is missing/.test(rawBody)) {
    return new MasklineError("config_invalid", `no AWS region is known ${text}`, { next: "set source.sqs.region, or AWS_REGION in the environment" });
  }
  if (missingQueue.test(name)) {
    return new MasklineError("queue_missing", `there is no such queue ${text}`, {
      next: "check source.sqs.queue (and source.sqs.region): the URL ends in /ACCOUNT/QUEUE-NAME",
    });
  }
  if (denied.test(name) || status === 401) {
    return new MasklineError("queue_denied", `the queue refused the credentials or the right ${text}`, {
      next: "check the AWS credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID ...); needed: sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes",
    });
  }
  if (passing.test(name) || status === null || status >= 500 || status === 429) {
    return new MasklineError("queue_unreachable", `the queue does not answer ${text}`, {
      next: "check that the server of source.sqs.queue can be reached from here",
    });
  }
  return new MasklineError("queue_refused", `the queue refused a request ${text}`, {
    next: "check source.sqs.queue: it must be the queue's URL, not the endpoint alone",
  });
}
