import assert from "node:assert/strict";
import { test } from "node:test";

import { ecb } from "@noble/ciphers/aes.js";
import * as fc from "fast-check";

import { formatIp, parseIp } from "../../src/contract/ip.ts";
import { createIpcryptCipher } from "../../src/masks/ipcrypt.ts";
import { testKey } from "./masks.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";
import { createAddressMask, evenBytes, maskAndOpen } from "./unauthenticated.ts";

const notAToken = { failure: "not_a_token" };
const { key } = testKey("ipcrypt", "d");
const mask = createAddressMask("ipcrypt");

/** Any 16 bytes, with IPv4 addresses and runs of zeros among them, in the text the contract gives. */
const address = fc
  .oneof(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 0x10, 0xff), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes)),
  )
  .map(formatIp);

test("agrees with the draft", () => {
  // source: draft-denis-ipcrypt, test vectors of ipcrypt-deterministic
  for (const [hex, value, token] of [
    ["0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"],
    ["2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"],
    ["0123456789abcdeffedcba9876543210", "2001:db8:85a3::8a2e:370:7334", "1eef:2352:64c8:18e6:6456:1373:f615:5032"],
  ] as const) {
    const drafted = createAddressMask("ipcrypt", Buffer.from(hex, "hex"));
    assert.deepEqual(drafted.apply([value]), [token]);
    assert.deepEqual(drafted.open([token]), [{ value }]);
  }
});

const published = "ipcrypt/test_vectors.json";
test("agrees with all published vectors, alone and in a column", { skip: vectorsAbsent(published) }, () => {
  const vectors = (readVectors(published) as { variant: string; key: string; ip: string; encrypted_ip: string }[]).filter(
    ({ variant }) => variant === "ipcrypt-deterministic",
  );
  assert.deepEqual([vectors.length, vectors.filter(({ ip }) => ip.includes(":")).length], [5, 1]);
  for (const { key: hex, ip, encrypted_ip } of vectors) {
    const drafted = createAddressMask("ipcrypt", Buffer.from(hex, "hex"));
    assert.deepEqual(drafted.apply([ip]), [encrypted_ip]);
    assert.deepEqual(drafted.open([encrypted_ip]), [{ value: ip }]);
    assert.equal(drafted.apply(["198.51.100.1", "2001:db8::1", ip, "::"])[2], encrypted_ip);
  }
});

test("a token is AES of the address as another implementation has it, in the one text of RFC 5952", () => {
  const other = (bytes: Uint8Array): Uint8Array => ecb(key, { disablePadding: true }).encrypt(bytes);
  fc.assert(
    fc.property(fc.array(address, { maxLength: 40 }), (values) => {
      const expected = values.map((value) => formatIp(other(parseIp(value) as Uint8Array)));
      assert.deepEqual(mask.apply(values), expected);
    }),
  );
});

test("every value comes back from its token, in any column", () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 40 }), (values) => {
      const tokens = mask.apply(values);
      assert.equal(new Set(tokens).size, new Set(values).size);
      assert.deepEqual(
        mask.open(tokens),
        values.map((value) => ({ value })),
      );
    }),
  );
});

test("every address is a token, those that read as IPv4 and those with zeros too", () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 40 }), (tokens) => {
      const values = mask.open(tokens).map((opened) => ("value" in opened ? opened.value : assert.fail()));
      assert.deepEqual(mask.apply(values), tokens);
    }),
  );
});

test("what is no address is no token, and does not stop its neighbours; an address in another spelling is one", () => {
  const [token = ""] = mask.apply(["203.0.113.77"]);
  assert.deepEqual(mask.open(["", token, "203.0.113", token.toUpperCase(), `${token}/128`]), [
    notAToken,
    { value: "203.0.113.77" },
    notAToken,
    { value: "203.0.113.77" },
    notAToken,
  ]);
  assert.throws(() => mask.apply(["203.0.113.77", "203.0.113"]), { code: "value_unfit", message: /^[^\d]+$/u });
  assert.deepEqual([mask.apply([]), mask.open([])], [[], []]);
});

test("no token is longer than said", () => {
  const tokens = mask.apply(Array.from({ length: 2_000 }, (_, i) => `10.0.${i >> 8}.${i & 0xff}`));
  assert.equal(Math.max(...tokens.map((token) => token.length)), mask.longestToken(45));
  assert.equal(mask.form, "ip");
});

test("a key of another length is refused", () => {
  for (const length of [0, 15, 24, 32]) assert.throws(() => createIpcryptCipher(Buffer.alloc(length)), { code: "internal" });
});

test("a million addresses have tokens of their own, and come back", () => {
  const bytes = evenBytes(16_000_000);
  // Every other one IPv4, all of them different.
  const values = Array.from({ length: 1_000_000 }, (_, i) =>
    i % 2 === 0 ? `${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}.${bytes[i]}` : formatIp(bytes.subarray(i * 16, i * 16 + 16)),
  );
  assert.equal(new Set(maskAndOpen(mask, values)).size, new Set(values).size);
});
