/** The parts of an AWS SDK error that are looked at. Its text is not shown: a server may put anything there. */
export interface SdkError {
  readonly name: string;
  readonly status: number | null;
  readonly contentType: string;
  readonly text: string;
}

export function sdkError(error: unknown): SdkError {
  const status = part(part(error, "$metadata"), "httpStatusCode");
  const code = part(error, "code");
  const contentType = part(part(part(error, "$response"), "headers"), "content-type");
  const name = error instanceof Error ? error.name : "unknown";
  return {
    name: codeName(name === "Error" && typeof code === "string" ? code : name),
    status: typeof status === "number" ? status : null,
    contentType: typeof contentType === "string" ? contentType : "",
    text: error instanceof Error ? error.message : "",
  };
}

/** A server's own code, where it looks like one: a server may put anything there, and this is shown. */
export function codeName(code: unknown): string {
  return typeof code === "string" && /^[\w.:#-]{1,100}$/.test(code) ? code : "an unnamed error";
}

/** Credentials that are missing, wrong, over, or without the right. */
export function isDenied({ name, status }: SdkError): boolean {
  return denied.test(name) || status === 401 || status === 403;
}

/** Credentials that were good once. A profile of the SDK's says that only in its text. */
export function isExpired({ name, text }: SdkError): boolean {
  return expired.test(name) || (/CredentialsProvider|CredentialsError|TokenProviderError/.test(name) && /expired/i.test(text));
}

/** Too many requests, by whatever name and on whoever's behalf. */
export function isThrottled({ name, status }: Pick<SdkError, "name" | "status">): boolean {
  return throttled.test(name) || status === 429;
}

/** What may be over by itself: no answer, a fault on the other side, too many requests. */
export function isPassing({ name, status }: SdkError): boolean {
  return passing.test(name) || isThrottled({ name, status }) || status === null || status >= 500;
}

/** The SDK found no region, neither in the configuration nor in the environment. It has no code for that. */
export function isRegionMissing({ text }: SdkError): boolean {
  return /Region is missing/.test(text);
}

const denied =
  /AccessDenied|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|InvalidSecurity|InvalidAccessKeyId|OptInRequired|CredentialsProvider|CredentialsError|TokenProviderError/;
const expired = /Expired(Token|Credentials)|RequestExpired|TokenRefreshRequired/;
const throttled = /Throttl|TooManyRequests|OverLimit|RequestLimitExceeded|SlowDown/i;
const passing = /Timeout|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|EHOST|ENETUNREACH|ServiceUnavailable|InternalError|InternalFailure/;

function part(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
