import assert from "node:assert/strict";
import { test } from "node:test";

import { primitives, type Primitives, selfTest } from "../../src/masks/self-test.ts";

test("passes on this runtime, in milliseconds", () => {
  selfTest();
  const start = performance.now();
  selfTest();
  assert.ok(performance.now() - start < 50);
});

/** The last byte of an answer, changed. */
function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte));
}

const broken: readonly { what: string; named: RegExp; parts: Partial<Primitives> }[] = [
  { what: "a cipher that seals wrongly", named: /AES-SIV/u, parts: { sealSiv: (...a) => flipped(primitives.sealSiv(...a)) } },
  { what: "a cipher that opens nothing", named: /AES-SIV/u, parts: { openSiv: () => null } },
  {
    what: "a cipher that opens forgeries",
    named: /AES-SIV/u,
    parts: { openSiv: (...a) => primitives.openSiv(...a) ?? new Uint8Array(1) },
  },
  {
    what: "a cipher that is wrong on long values only",
    named: /Wycheproof/u,
    parts: { sealSiv: (...a) => (a[2].length > 16 ? flipped(primitives.sealSiv(...a)) : primitives.sealSiv(...a)) },
  },
  { what: "a wrong CMAC", named: /AES-CMAC/u, parts: { cmacAes: (...a) => flipped(primitives.cmacAes(...a)) } },
  {
    what: "a CMAC that is wrong under long keys only",
    named: /AES-CMAC.*800-38B/u,
    parts: { cmacAes: (...a) => (a[0].length > 16 ? flipped(primitives.cmacAes(...a)) : primitives.cmacAes(...a)) },
  },
  { what: "a wrong HMAC", named: /HMAC-SHA256/u, parts: { hmacSha256: (...a) => flipped(primitives.hmacSha256(...a)) } },
  { what: "a wrong HKDF", named: /HKDF-SHA256/u, parts: { hkdfSha256: (...a) => flipped(primitives.hkdfSha256(...a)) } },
  { what: "a hash in upper case", named: /SHA-256/u, parts: { sha256Hex: (data) => primitives.sha256Hex(data).toUpperCase() } },
  {
    what: "a runtime without the cipher",
    named: /HMAC-SHA256/u,
    parts: {
      hmacSha256: () => {
        throw new Error("unsupported");
      },
    },
  },
];

for (const { what, named, parts } of broken) {
  test(`refuses ${what}, and names it`, () => {
    assert.throws(() => selfTest({ ...primitives, ...parts }), { code: "self_test_failed", message: named });
  });
}
