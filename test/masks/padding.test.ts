import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { aessiv } from "@noble/ciphers/aes.js";
import * as fc from "fast-check";

import { createMask } from "../../src/masks/create-mask.ts";
import { paddedLength, unpad, writePadding } from "../../src/masks/padding.ts";
import { createReversible, maskDefinition, onlyKey, sivDefinition, testKey } from "./masks.ts";
import { canonicalValues } from "./samples.ts";

const domain = "user_logins.ip";
const sivKey = testKey("siv", domain);
const padded = createReversible(sivDefinition({ encode: "pad16" }), onlyKey(sivKey));

/** ISO/IEC 7816-4, written once more, a value at a time. */
function pad(text: string): Buffer {
  const bytes = [...Buffer.from(text), 0x80];
  while (bytes.length % 16 !== 0) bytes.push(0);
  return Buffer.from(bytes);
}

const byteStrings = fc.oneof(
  fc.uint8Array({ maxLength: 50 }),
  fc.constantFrom(0, 1, 15, 16, 17, 31, 32).map((length) => new Uint8Array(length).fill(0x80)),
  fc.constantFrom(0, 1, 15, 16, 17).map((length) => new Uint8Array(length)),
);

/** As a column pads a value: where it stands, with zeros behind it. */
function padInPlace(value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(value.length + 20);
  bytes.set(value, 3);
  const length = writePadding(bytes, 3, value.length);
  return bytes.subarray(3, 3 + length);
}

test("every value comes back from its padding, which is a multiple of 16 bytes and one byte at least", () => {
  fc.assert(
    fc.property(byteStrings, (value) => {
      const bytes = padInPlace(value);
      assert.ok(bytes.length % 16 === 0 && bytes.length > value.length && bytes.length <= value.length + 16);
      assert.equal(bytes.length, paddedLength(value.length));
      assert.deepEqual(unpad(bytes), Buffer.from(value));
    }),
    { numRuns: 500 },
  );
});

test("only what padding writes is taken off: no other byte, no block too many, no length in between", () => {
  const none = ["", "00".repeat(16), "ff".repeat(16), "80", `80${"00".repeat(14)}`, `80${"00".repeat(16)}`, `80${"00".repeat(31)}`, `41${"00".repeat(15)}`, `${"41".repeat(15)}81`]; // prettier-ignore
  for (const hex of none) assert.equal(unpad(Buffer.from(hex, "hex")), null, hex);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const value = unpad(Buffer.from(bytes));
      // what comes off goes on again as the same bytes
      if (value !== null) assert.deepEqual(padInPlace(value), Buffer.from(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("siv masks the padded text: what another implementation seals", () => {
  fc.assert(
    fc.property(fc.array(canonicalValues.text, { maxLength: 20 }), (values) => {
      const expected = values.map((value) => {
        const sealed = aessiv(sivKey.key, Buffer.from(domain)).encrypt(pad(value));
        return Buffer.concat([Buffer.from("01000004d2", "hex"), sealed]).toString("base64url");
      });
      assert.deepEqual(padded.apply(values), expected);
    }),
  );
});

test("all texts of up to 15 bytes have tokens of one length, and the bound is reached", () => {
  const lengths = Array.from({ length: 16 }, (_, length) => padded.apply(["x".repeat(length)])[0]?.length);
  assert.equal(new Set(lengths).size, 1);
  assert.equal(padded.apply(["😀".repeat(4)])[0]?.length, padded.longestToken(4));
  assert.notEqual(padded.longestToken(3), padded.longestToken(4));
  assert.equal(padded.longestToken(null), null);
});

test("an authentic token of a text without padding is not opened as a value, nor the other way round as the same one", () => {
  const plain = createReversible(sivDefinition(), onlyKey(sivKey));
  assert.deepEqual(padded.open(plain.apply(["203.0.113.77", "a".repeat(16)])), [
    { failure: "not_a_token" },
    { failure: "not_a_token" },
  ]);
  assert.notDeepEqual(plain.open(padded.apply(["203.0.113.77"])), [{ value: "203.0.113.77" }]);
});

test("hmac masks the padded text too", () => {
  const key = testKey("hmac", domain);
  const mask = createMask(maskDefinition({ kind: "hmac", encode: "pad16" }), onlyKey(key));
  const expected = createHmac("sha256", key.key).update(pad("203.0.113.77")).digest().toString("base64url", 0, 16);
  assert.deepEqual(mask.apply(["203.0.113.77"]), [expected]);
});
