import assert from "node:assert/strict";
import { test } from "node:test";

import { cmac as nobleCmac } from "@noble/ciphers/aes.js";
import * as fc from "fast-check";

import { createBlockFunction } from "../../src/masks/aes-block.ts";
import { joinBytes } from "../../src/masks/byte-column.ts";
import { createCmac } from "../../src/masks/cmac.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import type { MaskDefinition } from "../../src/masks/mask.ts";
import { among } from "./among.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

/** The MACs of a column, in hex. */
function macsOf(key: Uint8Array, values: readonly Uint8Array[]): string[] {
  const macs = createCmac(createBlockFunction(key))(joinBytes(values));
  return values.map((_, index) => macs.toString("hex", index * 16, index * 16 + 16));
}

/** A value's MAC, alone and in every place among others. */
function macEverywhere(key: Uint8Array, value: Uint8Array): string {
  const [alone = ""] = macsOf(key, [value]);
  for (const { column, place } of among(value)) assert.equal(macsOf(key, column)[place], alone);
  return alone;
}

test("agrees with the examples of RFC 4493, section 4", () => {
  const key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
  const message = bytes(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
  );
  const examples = [
    { length: 0, mac: "bb1d6929e95937287fa37d129b756746" },
    { length: 16, mac: "070a16b46b4d4144f79bdd9dd04a287c" },
    { length: 40, mac: "dfa66747de9ae63030ca32611497c827" },
    { length: 64, mac: "51f0bebf7e3b9d92fc49741779363cfe" },
  ];
  for (const { length, mac } of examples) assert.equal(macEverywhere(key, message.subarray(0, length)), mac);
});

const wycheproof = "wycheproof/aes_cmac_test.json";
test("agrees with all Wycheproof vectors, each alone and among others", { skip: vectorsAbsent(wycheproof) }, () => {
  interface Vector {
    readonly tcId: number;
    readonly key: string;
    readonly msg: string;
    readonly tag: string;
    readonly result: "valid" | "invalid";
  }
  const tests = (readVectors(wycheproof) as { testGroups: { tests: Vector[] }[] }).testGroups.flatMap((group) => group.tests);
  assert.equal(tests.length, 311);
  for (const { tcId, key, msg, tag, result } of tests) {
    if (![16, 24, 32].includes(key.length / 2)) {
      assert.equal(result, "invalid");
      assert.throws(() => macsOf(bytes(key), [bytes(msg)]), `tcId ${tcId}`);
      continue;
    }
    assert.equal(macEverywhere(bytes(key), bytes(msg)) === tag, result === "valid", `tcId ${tcId}`);
  }
});

test("gives columns of mixed lengths what another implementation gives each value", () => {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(0, 1, 15, 16, 17, 31, 32, 33, 48).map((length) => new Uint8Array(length).fill(7)),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.array(value, { maxLength: 60 }), (key, values) => {
      const expected = values.map((each) => Buffer.from(nobleCmac(each, key)).toString("hex"));
      assert.deepEqual(macsOf(key, values), expected);
    }),
    { numRuns: 200 },
  );
});

const key = testKey("cmac", "user_logins.ip");
const texts = fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 70 }), fc.ipV4()), { maxLength: 50 });

test("a token is what another implementation makes of the text, in 22 characters", () => {
  const mask = createMask(maskDefinition({ kind: "cmac" }), onlyKey(key));
  fc.assert(
    fc.property(texts, (values) => {
      const expected = values.map((value) => Buffer.from(nobleCmac(Buffer.from(value), key.key)).toString("base64url"));
      const tokens = mask.apply(values);
      assert.deepEqual(tokens, expected);
      for (const token of tokens) assert.equal(token?.length, mask.longestToken(null));
    }),
  );
});

test("addresses and UUIDs are masked by their 16 bytes", () => {
  const packed = (type: MaskDefinition["type"], value: string): string | null | undefined =>
    createMask(maskDefinition({ kind: "cmac", type, encode: "packed" }), onlyKey(key)).apply([value])[0];
  const expected = (hex: string): string => Buffer.from(nobleCmac(bytes(hex), key.key)).toString("base64url");
  assert.equal(packed("ip", "203.0.113.77"), expected("00000000000000000000ffffcb00714d"));
  assert.equal(packed("ip", "2001:db8::1"), expected("20010db8000000000000000000000001"));
  assert.equal(packed("uuid", "0191d5a8-7b1c-7def-8a3b-2f6e4c9d0a17"), expected("0191d5a87b1c7def8a3b2f6e4c9d0a17"));
});
