import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { createMask } from "../../src/masks/create-mask.ts";
import type { MaskDefinition, MaskSettings } from "../../src/masks/mask.ts";
import { maskDefinition } from "./masks.ts";

function apply(kind: MaskDefinition["kind"], values: readonly string[], settings: MaskSettings = {}): readonly (string | null)[] {
  return createMask(maskDefinition({ kind, domain: null, settings }), null).apply(values);
}

test("null leaves no value, whatever was sent", () => {
  assert.deepEqual(apply("null", ["", "a", "203.0.113.77"]), [null, null, null]);
});

test("constant and redact give the same text for every value", () => {
  assert.deepEqual(apply("constant", ["a", "b"], { value: "gone" }), ["gone", "gone"]);
  assert.deepEqual(apply("redact", ["a", "b"]), ["[redacted]", "[redacted]"]);
});

test("a salted legacy hash has its salt before the value, or behind it where it says so", () => {
  const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
  const value = "203.0.113.77";
  assert.deepEqual(apply("sha256", [value], { salt: "pepper" }), [sha256(`pepper${value}`)]);
  assert.deepEqual(apply("sha256", [value], { salt: "pepper", salt_at: "start" }), [sha256(`pepper${value}`)]);
  assert.deepEqual(apply("sha256", [value], { salt: "pepper", salt_at: "end" }), [sha256(`${value}pepper`)]);
  // printf 'pépper203.0.113.77' | sha256sum
  assert.deepEqual(apply("sha256", [value], { salt: "pépper" }), [
    "d2471f7cf7bf1fa44cf0653541a0281b27ea1ff8d0811e409d607839455fd020",
  ]);
});
