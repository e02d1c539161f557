import { CallFailure } from "./failure.ts";

/**
 * When the SDK tries a call once more, and after which pause (its standard retries, @smithy/core 3.41): its own lists, so that a call is
 * tried as often over either wire.
 */
const throttled = new Set([
  "BandwidthLimitExceeded",
  "EC2ThrottledException",
  "LimitExceededException",
  "PriorRequestNotComplete",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionInProgressException",
]);
const timedOut = new Set(["TimeoutError", "RequestTimeout", "RequestTimeoutException"]);
const passingStatus = new Set([500, 502, 503, 504]);
/** The last is undici's: the other side has closed it. */
const broken = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);
const passingNetwork = new Set([
  ...broken,
  "ECONNREFUSED",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

const longestPauseMs = 50;
const longestThrottledPauseMs = 1_000;
/** What a server may add to a pause by asking for one. */
const mostAskedForMs = 5_000;

/** A budget for second tries: while everything fails, each call is tried once only. */
const mostTokens = 500;
const costOfThrottled = 5;
const costOfOthers = 14;

/** A second try that may be made. */
export interface Retry {
  readonly pauseMs: number;
  readonly cost: number;
}

/** The second tries of all calls over one wire. */
export class Retries {
  #tokens = mostTokens;

  /** Null where another try would not help, or too many calls have failed of late. */
  next(error: unknown, isClockCorrected: boolean): Retry | null {
    const isThrottled = error instanceof CallFailure && (error.$metadata.httpStatusCode === 429 || throttled.has(error.name));
    if (!isThrottled && !isClockCorrected && !isPassing(error)) return null;
    const cost = isThrottled ? costOfThrottled : costOfOthers;
    if (this.#tokens < cost) return null;
    this.#tokens -= cost;
    const pauseMs = Math.random() * (isThrottled ? longestThrottledPauseMs : longestPauseMs);
    return { pauseMs: Math.max(pauseMs, Math.min(askedForMs(error), pauseMs + mostAskedForMs)), cost };
  }

  /** @param after what the call's own second try has cost, if it needed one, comes back; otherwise a little of what others have cost */
  wentWell(after: Retry | null): void {
    this.#tokens = Math.min(mostTokens, this.#tokens + (after?.cost ?? 1));
  }
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof CallFailure) {
    return timedOut.has(error.name) || error.isOutOfTime || passingStatus.has(error.$metadata.httpStatusCode);
  }
  return passingNetwork.has(networkCode(error));
}

/** Whether a connection ended under a call. */
export function isBroken(error: unknown): boolean {
  return error instanceof Error && broken.has(networkCode(error));
}

function networkCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The pause that the answer itself asks for. */
function askedForMs(error: unknown): number {
  if (!(error instanceof CallFailure)) return 0;
  const { headers } = error.$response;
  const ms = Number(headers["x-amz-retry-after"] ?? Number(headers["retry-after"]) * 1_000);
  return Number.isFinite(ms) ? ms : 0;
}
