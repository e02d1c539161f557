import { codeName } from "../../../aws/sdk-error.ts";
import type { HttpAnswer } from "./http-call.ts";

/** An answer that is no success, or cannot be read; in the form of the SDK's errors, without their text: a server may put anything there. */
export class CallFailure extends Error {
  override readonly name: string;
  readonly $metadata: { readonly httpStatusCode: number };
  readonly $response: { readonly headers: HttpAnswer["headers"] };
  /** Signed too long ago, or too far ahead. */
  readonly isOutOfTime: boolean;

  constructor(answer: HttpAnswer) {
    const text = answer.body;
    const told = readObject(text);
    super(told === null ? describe(text) : "");
    this.name = told === null ? "SyntaxError" : codeOf(told, answer.headers);
    this.$metadata = { httpStatusCode: answer.status };
    this.$response = { headers: answer.headers };
    this.isOutOfTime = this.name === "InvalidSignatureException" && /Signature expired|Signature not yet current/.test(text);
  }
}

/** Of a good answer; null where it is no JSON object. An empty one is an object without anything in it. */
export function readObject(text: string): object | null {
  if (text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}

/** As much as tells a server that speaks XML, in the words of the platform's parser. */
function describe(text: string): string {
  return /^\s*<(\?xml|Error)/.test(text) ? 'Unexpected token, "<?xml" is not valid JSON' : "not valid JSON";
}

/**
 * The name of an error: what the body says (`com.amazonaws.sqs#QueueDoesNotExist`), or the header for clients of the Query protocol
 * (`AWS.SimpleQueueService.NonExistentQueue;Sender`), or that of the front end.
 */
function codeOf(told: object, headers: HttpAnswer["headers"]): string {
  const places = [
    Reflect.get(told, "__type"),
    headers["x-amzn-query-error"],
    Reflect.get(told, "code"),
    Reflect.get(told, "Code"),
    headers["x-amzn-errortype"],
  ];
  const found = places.find((place): place is string => typeof place === "string" && place !== "") ?? "Unknown";
  const [code = ""] = found.slice(found.indexOf("#") + 1).split(/[;:,]/);
  return codeName(code);
}
