import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";

import * as fc from "fast-check";

import { formatIp, parseIp } from "../../src/contract/ip.ts";
import { createIpcryptPrefixCipher } from "../../src/masks/ipcrypt-prefix-cipher.ts";
import { testKey } from "./masks.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";
import { createAddressMask, evenBytes, maskAndOpen } from "./unauthenticated.ts";

const notAToken = { failure: "not_a_token" };
const { key } = testKey("ipcrypt-pfx", "d");
const mask = createAddressMask("ipcrypt-pfx");

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => bytes.join("."));
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => formatIp(bytes))
  .filter((text) => text.includes(":"));
const addresses = fc.array(fc.oneof(ipv4, ipv6), { maxLength: 30 });

/** The bits of a text's address, as many as its family has. */
function bitsOf(text: string): string {
  const bits = [...(parseIp(text) as Uint8Array)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return text.includes(":") ? bits : bits.slice(96);
}

function textOf(bits: string): string {
  const bytes = bits.match(/.{8}/gu)?.map((byte) => Number.parseInt(byte, 2)) ?? [];
  return bytes.length === 4 ? bytes.join(".") : formatIp(Uint8Array.from(bytes));
}

function commonPrefix(left: string, right: string): number {
  const [leftBits, rightBits] = [bitsOf(left), bitsOf(right)];
  const differing = Array.from(leftBits).findIndex((bit, index) => bit !== rightBits[index]);
  return differing < 0 ? leftBits.length : differing;
}

/** The draft's pseudocode, bit by bit, over the bits behind `prefix`: one cipher object for every block, no word arithmetic. */
function permuteBits(bits: string, prefix: string, direction: "encrypt" | "decrypt"): string {
  const [first, second] = [Buffer.from(key.subarray(0, 16)), Buffer.from(key.subarray(16))];
  let [known, permuted] = [prefix, ""];
  for (const bit of bits) {
    const block = Buffer.from(
      `1${known}`
        .padStart(128, "0")
        .match(/.{8}/gu)
        ?.map((byte) => Number.parseInt(byte, 2)) ?? [],
    );
    const [one = 0, other = 0] = [first, second].map((half) => createCipheriv("aes-128-ecb", half, null).update(block)[15]);
    const changed = String(Number(bit) ^ ((one ^ other) & 1));
    permuted += changed;
    known += direction === "encrypt" ? bit : changed;
  }
  return permuted;
}

const mappedPrefix = "0".repeat(80) + "1".repeat(16);

test("agrees with the draft", () => {
  // source: draft-denis-ipcrypt, test vectors of ipcrypt-pfx
  const hex = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
  const drafted = createAddressMask("ipcrypt-pfx", Buffer.from(hex, "hex"));
  const values = ["0.0.0.0", "255.255.255.255", "192.0.2.1", "2001:db8::1"];
  const tokens = ["151.82.155.134", "94.185.169.89", "100.115.72.131", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"];
  assert.deepEqual(drafted.apply(values), tokens);
  assert.deepEqual(
    drafted.open(tokens),
    values.map((value) => ({ value })),
  );
});

const published = "ipcrypt/test_vectors.json";
test("agrees with all published vectors, alone and in columns of both families", { skip: vectorsAbsent(published) }, () => {
  const vectors = (readVectors(published) as { variant: string; key: string; ip: string; encrypted_ip: string }[]).filter(
    ({ variant }) => variant === "ipcrypt-pfx",
  );
  assert.deepEqual([vectors.length, vectors.filter(({ ip }) => ip.includes(":")).length], [16, 7]);
  for (const [hex, sameKey] of Map.groupBy(vectors, (vector) => vector.key)) {
    const drafted = createAddressMask("ipcrypt-pfx", Buffer.from(hex, "hex"));
    for (const { ip, encrypted_ip } of sameKey) {
      assert.deepEqual(drafted.apply([ip]), [encrypted_ip]);
      assert.deepEqual(drafted.open([encrypted_ip]), [{ value: ip }]);
    }
    const [values, tokens] = [sameKey.map(({ ip }) => ip), sameKey.map(({ encrypted_ip }) => encrypted_ip)];
    assert.deepEqual(drafted.apply(values), tokens);
    assert.deepEqual(
      drafted.open(tokens.toReversed()),
      values.toReversed().map((value) => ({ value })),
    );
  }
});

test("agrees with the draft's pseudocode, bit by bit", () => {
  fc.assert(
    fc.property(addresses, (values) => {
      const expected = values.map((value) =>
        textOf(permuteBits(bitsOf(value), value.includes(":") ? "" : mappedPrefix, "encrypt")),
      );
      assert.deepEqual(mask.apply(values), expected);
    }),
    { numRuns: 10 },
  );
});

test("every value comes back from its token, in any column of both families", () => {
  fc.assert(
    fc.property(addresses, (values) => {
      const tokens = mask.apply(values);
      assert.equal(new Set(tokens).size, new Set(values).size);
      assert.deepEqual(
        mask.open(tokens),
        values.map((value) => ({ value })),
      );
    }),
  );
});

for (const [family, width] of [
  ["IPv4", 32],
  ["IPv6", 128],
] as const) {
  test(`two ${family} tokens have as many bits in common as their values, for every number of bits`, () => {
    const bits = fc.array(fc.constantFrom("0", "1"), { minLength: width, maxLength: width });
    fc.assert(
      fc.property(bits, bits, fc.uint8Array({ minLength: 32, maxLength: 32 }), (one, other, anyKey) => {
        // Never IPv4-mapped.
        const start = width === 128 ? ["1"] : [];
        const values = Array.from({ length: width + 1 - start.length }, (_, n) => {
          const common = [...start, ...one].slice(0, start.length + n);
          const flipped = one[n] === "1" ? "0" : "1";
          return textOf([...common, flipped, ...other].slice(0, width).join(""));
        });
        const value = textOf([...start, ...one].slice(0, width).join(""));
        const [token = "", ...tokens] = createAddressMask("ipcrypt-pfx", anyKey).apply([value, ...values]);
        tokens.forEach((kept, n) => {
          assert.equal(commonPrefix(value, values[n] as string), Math.min(start.length + n, width));
          assert.equal(commonPrefix(token, kept), Math.min(start.length + n, width));
          assert.equal(kept.includes(":"), width === 128);
        });
      }),
      { numRuns: 30 },
    );
  });
}

test("an IPv6 address whose token would read as IPv4 is refused, and only it", () => {
  const colliding = textOf(permuteBits(bitsOf("::ffff:0:0").slice(0, 80) + "1".repeat(16) + bitsOf("203.0.113.77"), "", "decrypt"));
  assert.ok(colliding.includes(":"));
  // The cipher itself follows the draft.
  const cipher = createIpcryptPrefixCipher(key);
  assert.equal(formatIp(cipher.encrypt(Buffer.from(parseIp(colliding) as Uint8Array))), "203.0.113.77");
  assert.throws(() => mask.apply([colliding]), { code: "value_unfit", message: /would read as IPv4$/u });
  assert.throws(() => mask.apply(["2001:db8::1", colliding]), { code: "value_unfit" });
  // Its /96 is refused, the network beside that is not.
  const bits = bitsOf(colliding);
  const neighbour = textOf(bits.slice(0, 95) + (bits[95] === "0" ? "1" : "0") + bits.slice(96));
  assert.deepEqual(mask.open(mask.apply([neighbour, "203.0.113.77"])), [{ value: neighbour }, { value: "203.0.113.77" }]);
});

test("an IPv6 token that no value has is not opened as somebody's IPv4 address", () => {
  const impossible = textOf(permuteBits(mappedPrefix + bitsOf("203.0.113.77"), "", "encrypt"));
  assert.ok(impossible.includes(":"));
  const [token = ""] = mask.apply(["203.0.113.77"]);
  assert.deepEqual(mask.open([token, impossible, token]), [{ value: "203.0.113.77" }, notAToken, { value: "203.0.113.77" }]);
});

test("an IPv4-mapped address is the IPv4 address, among values and among tokens", () => {
  const [token = "", same] = mask.apply(["203.0.113.77", "::ffff:203.0.113.77"]);
  assert.equal(same, token);
  assert.deepEqual(mask.open([`::ffff:${token}`]), [{ value: "203.0.113.77" }]);
});

test("what is no address is no token, and does not stop its neighbours", () => {
  const [token = ""] = mask.apply(["2001:db8::1"]);
  assert.deepEqual(mask.open(["", token, "1.2.3", "fe80::1%eth0"]), [notAToken, { value: "2001:db8::1" }, notAToken, notAToken]);
  assert.throws(() => mask.apply(["203.0.113.77", "203.0.113"]), { code: "value_unfit", message: /^[^\d]+$/u });
  assert.deepEqual([mask.apply([]), mask.open([])], [[], []]);
});

test("no token is longer than said", () => {
  const tokens = mask.apply(Array.from({ length: 2_000 }, (_, i) => `2001:db8:${i.toString(16)}::${(i * 7).toString(16)}`));
  assert.equal(Math.max(...tokens.map((token) => token.length)), mask.longestToken(45));
  assert.equal(mask.form, "ip");
});

test("a key of another length or of two equal halves is refused", () => {
  for (const length of [0, 16, 31, 33, 64]) {
    assert.throws(() => createIpcryptPrefixCipher(Buffer.from(evenBytes(length))), { code: "internal" });
  }
  const half = evenBytes(16);
  assert.throws(() => createIpcryptPrefixCipher(Buffer.concat([half, half])), { code: "internal", message: /two equal halves/u });
});

test("a million addresses have tokens of their own, and come back", () => {
  const bytes = evenBytes(16_000_000);
  const values = Array.from({ length: 1_000_000 }, (_, i) =>
    // All of them different, some IPv6.
    i % 100 === 0 ? formatIp(bytes.subarray(i, i + 16)) : `${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}.${bytes[i]}`,
  );
  assert.equal(new Set(maskAndOpen(mask, values, 10_000)).size, new Set(values).size);
});
