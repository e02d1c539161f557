import { gunzipSync } from "node:zlib";

import type { Decoding } from "./column.ts";
import { bodyFault, type Fault } from "./fault.ts";
import { isJsonObject, type JsonObject } from "./json-value.ts";

/** A body that its envelope held as JSON already: as a text again it would lose what JSON cannot write (1e400 is read as infinite). */
export interface Parsed {
  readonly object: JsonObject;
}

/** Unwraps a body in the order of `decodings`, and measures it. Between base64 and gzip it is bytes, otherwise text. */
export function decodeBody(body: string, decodings: readonly Decoding[], maxBodyBytes: number): string | Parsed | Fault {
  // before anything is unpacked or parsed
  const packed = sizeFault(body, maxBodyBytes);
  if (packed !== null) return packed;
  let content: Content = body;
  for (const decoding of decodings) {
    const unwrapped: Content | Fault = unwrap[decoding](content, maxBodyBytes);
    if (!isContent(unwrapped)) return unwrapped;
    content = unwrapped;
  }
  if (isParsed(content)) return content;
  const text = textOf(content);
  if (text === null) return bodyFault("bad_encoding", "UTF-8 text", "other bytes");
  return sizeFault(text, maxBodyBytes) ?? text;
}

function sizeFault(text: string, maxBodyBytes: number): Fault | null {
  // A UTF-16 unit is at most three bytes of UTF-8: most bodies need no counting.
  if (text.length * 3 <= maxBodyBytes) return null;
  const bytes = Buffer.byteLength(text);
  return bytes <= maxBodyBytes ? null : bodyFault("too_large", `at most ${maxBodyBytes} bytes`, `${bytes} bytes`);
}

type Content = string | Uint8Array | Parsed;
type Unwrap = (content: Content, maxBodyBytes: number) => Content | Fault;

const unwrap: Readonly<Record<Decoding, Unwrap>> = {
  sns: fromSns,
  eventbridge: fromEventBridge,
  base64: fromBase64,
  gzip: fromGzip,
};

function fromSns(content: Content): Content | Fault {
  const envelope = envelopeOf(content);
  const message = envelope?.["Message"];
  if (envelope?.["Type"] === "Notification" && typeof message === "string") return message;
  return bodyFault("bad_envelope", "an SNS notification with Type and Message", "another body");
}

function fromEventBridge(content: Content): Content | Fault {
  const envelope = envelopeOf(content);
  const detail = envelope?.["detail"];
  if (typeof envelope?.["detail-type"] === "string" && isJsonObject(detail)) return { object: detail };
  return bodyFault("bad_envelope", "an EventBridge event with detail-type and detail", "another body");
}

/** Standard alphabet, padded, nothing around it: what Node forgives would let two bodies be one. */
function fromBase64(content: Content): Content | Fault {
  const text = textOf(content);
  const bytes = text === null ? null : Buffer.from(text, "base64");
  if (bytes !== null && bytes.toString("base64") === text) return bytes;
  return bodyFault("bad_encoding", "base64 text", "another body");
}

function fromGzip(content: Content, maxBodyBytes: number): Content | Fault {
  if (!(content instanceof Uint8Array)) return bodyFault("bad_encoding", "gzip bytes, after base64", "text");
  try {
    return gunzipSync(content, { maxOutputLength: maxBodyBytes });
  } catch (error) {
    if (error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
      return bodyFault("too_large", `at most ${maxBodyBytes} bytes`, `more than ${maxBodyBytes} bytes`);
    }
    return bodyFault("bad_encoding", "gzip bytes", "other bytes");
  }
}

function envelopeOf(content: Content): JsonObject | null {
  if (isParsed(content)) return content.object;
  const text = textOf(content);
  if (text === null) return null;
  try {
    const envelope: unknown = JSON.parse(text);
    return isJsonObject(envelope) ? envelope : null;
  } catch {
    return null;
  }
}

/** Text as it is, bytes as UTF-8; null for bytes that are not UTF-8, and for what is parsed already. */
function textOf(content: Content): string | null {
  if (typeof content === "string") return content;
  if (isParsed(content)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return null;
  }
}

function isContent(content: Content | Fault): content is Content {
  return typeof content === "string" || content instanceof Uint8Array || isParsed(content);
}

function isParsed(content: Content | Fault): content is Parsed {
  return typeof content === "object" && "object" in content;
}
