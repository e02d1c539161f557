import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import type { Decoding } from "../../src/contract/column.ts";
import { decodeBody } from "../../src/contract/decode.ts";

const limit = 1000;
const event = '{"user_id": "canary-é"}';
const sns = (message: unknown): string => JSON.stringify({ Type: "Notification", Message: message });
const gzipped = (content: string | Uint8Array): string => gzipSync(content).toString("base64");

function decoded(body: string, ...decodings: Decoding[]): string {
  const result = decodeBody(body, decodings, limit);
  if (typeof result === "string") return result;
  if ("object" in result) return JSON.stringify(result.object);
  assert.equal(result.path, "");
  assert.ok(!JSON.stringify(result).includes("canary"));
  return `! ${result.reason}`;
}

test("bodies are unwrapped in the order that is written", () => {
  assert.equal(decoded(event), event);
  assert.equal(decoded(sns(event), "sns"), event);
  assert.deepEqual(JSON.parse(decoded(`{"detail-type": "login", "detail": ${event}}`, "eventbridge")), JSON.parse(event));
  assert.equal(decoded(Buffer.from(event).toString("base64"), "base64"), event);
  assert.equal(decoded(gzipped(event), "base64", "gzip"), event);
  assert.equal(decoded(sns(gzipped(event)), "sns", "base64", "gzip"), event);
  assert.equal(decoded(gzipped(sns(event)), "base64", "gzip", "sns"), event);
  assert.equal(decoded(gzipped(gzipSync(event)), "base64", "gzip", "gzip"), event);
});

test("what is not in its envelope is refused", () => {
  const subscription = JSON.stringify({ Type: "SubscriptionConfirmation", Message: "canary" });
  for (const body of ["canary", "null", "[]", "{}", event, subscription, sns(null), sns({ canary: 1 })]) {
    assert.equal(decoded(body, "sns"), "! bad_envelope");
  }
  for (const body of [
    "canary",
    "null",
    "{}",
    '{"detail": {}}',
    '{"detail-type": "login", "detail": "canary"}',
    '{"detail-type": 1, "detail": {}}',
  ]) {
    assert.equal(decoded(body, "eventbridge"), "! bad_envelope");
  }
});

test("an event inside an EventBridge event is read once: nothing is lost by writing it as text again", () => {
  const event = (detail: string): ReturnType<typeof decodeBody> =>
    decodeBody(`{"detail-type": "login", "detail": ${detail}}`, ["eventbridge"], 1_048_576);
  // as text an infinite number would be null, and a missing value is allowed where a number is not read
  assert.deepEqual(event('{"n": 1e400}'), { object: { n: Infinity } });
  // JSON.parse reads deeper nesting than JSON.stringify writes
  assert.ok("object" in (event(`{"a": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`) as object));
  const notification = `{"detail-type": "login", "detail": ${sns('{"user_id": 1}')}}`;
  assert.equal(decoded(notification, "eventbridge", "sns"), '{"user_id": 1}');
  for (const next of ["base64", "gzip"] as const) assert.equal(decoded(notification, "eventbridge", next), "! bad_encoding");
});

test("a body that is too large is refused before it is unpacked, however little is in it", () => {
  const wrapped = JSON.stringify({ Type: "Notification", Message: event, Signature: "x".repeat(2 * limit) });
  assert.equal(decoded(wrapped, "sns"), "! too_large");
});

test("an envelope that looks like a fault of ours is only an envelope", () => {
  assert.equal(decoded(JSON.stringify({ reason: "canary", path: "", Type: "Notification", Message: event }), "sns"), event);
});

test("base64 is strict, bytes must be gzip and UTF-8", () => {
  for (const body of ["canary!", "YQ", "YQ=", "YR==", "YQ==\n", " YQ==", "_-8="])
    assert.equal(decoded(body, "base64"), "! bad_encoding", body);
  assert.equal(decoded("/w==", "base64"), "! bad_encoding");
  assert.equal(decoded("7aCA", "base64"), "! bad_encoding");
  assert.equal(decoded(event, "gzip"), "! bad_encoding");
  assert.equal(decoded(Buffer.from(event).toString("base64"), "base64", "gzip"), "! bad_encoding");
  assert.equal(decoded(gzipSync(event).subarray(0, -4).toString("base64"), "base64", "gzip"), "! bad_encoding");
});

test("the limit is on what was unpacked, in bytes", () => {
  assert.equal(decoded("a".repeat(limit)), "a".repeat(limit));
  assert.equal(decoded("a".repeat(limit + 1)), "! too_large");
  assert.equal(decoded("é".repeat(limit / 2)), "é".repeat(limit / 2));
  assert.equal(decoded("é".repeat(limit / 2 + 1)), "! too_large");
  assert.deepEqual(decodeBody("a".repeat(limit + 1), [], limit), {
    reason: "too_large",
    path: "",
    expected: "at most 1000 bytes",
    found: "1001 bytes",
  });
});

test("a gzip bomb stops at the limit", () => {
  assert.equal(decoded(gzipped("a".repeat(limit)), "base64", "gzip"), "a".repeat(limit));
  assert.equal(decoded(gzipped("a".repeat(50_000_000)), "base64", "gzip"), "! too_large");
  // Nothing after gzip gets to see it: the limit is not only measured at the end.
  assert.equal(decoded(gzipped("a".repeat(50_000_000)), "base64", "gzip", "sns"), "! too_large");
});
