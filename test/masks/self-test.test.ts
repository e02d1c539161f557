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
  { what: "a wrong HMAC", named: /HMAC-SHA256/u, parts: { hmacSha256: (...a) => flipped(primitives.hmacSha256(...a)) } },
  { what: "a wrong HKDF", named: /HKDF-SHA256/u, parts: { hkdfSha256: (...a) => flipped(primitives.hkdfSha256(...a)) } },
  { what: "a hash in upper case", named: /SHA-256/u, parts: { sha256Hex: (data) => primitives.sha256Hex(data).toUpperCase() } },
  { what: "a wrong CMAC", named: /AES-CMAC/u, parts: { aesCmac: (...a) => flipped(primitives.aesCmac(...a)) } },
  {
    what: "a CMAC that is wrong under keys of 32 bytes only",
    named: /AES-CMAC .* 800-38B/u,
    parts: { aesCmac: (key, data) => (key.length === 32 ? flipped(primitives.aesCmac(key, data)) : primitives.aesCmac(key, data)) },
  },
  { what: "an FF1 that encrypts nothing", named: /FF1/u, parts: { encryptFf1: (_key, _radix, _tweak, numerals) => numerals } },
  { what: "an FF1 that does not come back", named: /FF1/u, parts: { decryptFf1: primitives.encryptFf1 } },
  {
    what: "an FF1 that is wrong on long values only",
    named: /FF1 .* sample 9/u,
    parts: { encryptFf1: (...a) => primitives.encryptFf1(...a).replace(/^x/u, "y") },
  },
  {
    what: "a wrong ipcrypt",
    named: /ipcrypt does/u,
    parts: { encryptIpcrypt: (...a) => flipped(primitives.encryptIpcrypt(...a)) },
  },
  {
    what: "an ipcrypt that does not come back",
    named: /ipcrypt does/u,
    parts: { decryptIpcrypt: (...a) => flipped(primitives.decryptIpcrypt(...a)) },
  },
  {
    what: "an ipcrypt-pfx that leaves addresses as they are",
    named: /ipcrypt-pfx/u,
    parts: { encryptIpcryptPrefix: (_key, address) => address },
  },
  {
    what: "an ipcrypt-pfx that is wrong on IPv6 only",
    named: /ipcrypt-pfx/u,
    parts: {
      encryptIpcryptPrefix(key, address) {
        const encrypted = primitives.encryptIpcryptPrefix(key, address);
        return address[0] === 0 ? encrypted : flipped(encrypted);
      },
    },
  },
  {
    what: "an ipcrypt-pfx that does not come back",
    named: /ipcrypt-pfx/u,
    parts: { decryptIpcryptPrefix: (...a) => flipped(primitives.decryptIpcryptPrefix(...a)) },
  },
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
