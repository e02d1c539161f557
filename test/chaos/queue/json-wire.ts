import type { Done } from "./actions.ts";
import { QueueFault } from "./fault.ts";
import type { Input } from "./input.ts";
import { isReceived, receivedJson } from "./received.ts";

/** An answer as it goes over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a client speaks: what it asks, and what it is told. */
export interface Wire {
  readonly action: string;
  readonly input: Input;
  output(output: Done["output"]): WireAnswer;
  fault(fault: QueueFault): WireAnswer;
}

const contentType = "application/x-amz-json-1.0";

/** AWS JSON 1.0: the action in the header x-amz-target. */
export function jsonWire(target: string, body: string): Wire {
  return {
    action: target.slice(target.indexOf(".") + 1),
    input: readInput(body),
    output: (output) => ({ status: 200, contentType, body: isReceived(output) ? receivedJson(output) : JSON.stringify(output) }),
    fault: ({ code, queryCode, message, status }) => ({
      status,
      contentType,
      body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }),
      headers: { "x-amzn-query-error": `${queryCode};${status < 500 ? "Sender" : "Receiver"}` },
    }),
  };
}

function readInput(body: string): Input {
  try {
    const input: unknown = JSON.parse(body === "" ? "{}" : body);
    return typeof input === "object" && input !== null ? (input as Input) : {};
  } catch {
    return {};
  }
}
