/** What a server answered to one call of the JSON protocol. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The error's name, without what stands before it; null for a good answer. */
  readonly code: string | null;
  /** The Query protocol's name of it, and whose fault it is. */
  readonly queryError: string | null;
}

/** One call, unsigned and never tried again: what the SDK would hide is what the tests look at. */
export async function ask(endpoint: string, action: string, input: object, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${action}`,
      // moto plays many services, and tells them apart by the scope of the credentials
      authorization: "AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=a",
    },
    body: JSON.stringify(input),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const body = JSON.parse(text === "" ? "{}" : text) as Readonly<Record<string, unknown>>;
  const type = body["__type"];
  return {
    status: response.status,
    body,
    code: typeof type === "string" ? type.slice(type.lastIndexOf("#") + 1) : null,
    queryError: response.headers.get("x-amzn-query-error"),
  };
}
