import assert from "node:assert/strict";
import { createSecretKey, hkdfSync } from "node:crypto";
import { test } from "node:test";

import { deriveCheckValue, deriveMaskKey } from "../../src/keys/derive.ts";
import { primitives } from "../../src/masks/self-test.ts";
import { readVectors, vectorsAbsent } from "../masks/published-vectors.ts";

const rootBytes = Buffer.from("0102030405060708091011121314151617181920212123242526272829303132", "hex");
const root = createSecretKey(rootBytes);

test("a mask's key is HKDF of its kind and domain, as long as the kind needs", () => {
  for (const [kind, length] of [
    ["siv", 64],
    ["hmac", 32],
  ] as const) {
    const expected = Buffer.from(hkdfSync("sha256", rootBytes, "", `mask/v1/${kind}/login.ip`, length));
    assert.deepEqual(deriveMaskKey(root, kind, "login.ip"), expected);
  }
});

test("a check value is a derived value of its own, and no part of a key", () => {
  const check = deriveCheckValue(root, "siv", "login.ip");
  assert.deepEqual(check, Buffer.from(hkdfSync("sha256", rootBytes, "", "check/v1/siv/login.ip", 16)));
  assert.ok(!deriveMaskKey(root, "siv", "login.ip").includes(check));
});

test("roots, kinds and domains all give other keys and check values", () => {
  const roots = [root, createSecretKey(Buffer.alloc(32, 1))];
  const derived = roots.flatMap((one) =>
    (["siv", "hmac"] as const).flatMap((kind) =>
      ["a", "b", "a/b", "", "ä"].flatMap((domain) => [
        deriveMaskKey(one, kind, domain).subarray(0, 16).toString("hex"),
        deriveCheckValue(one, kind, domain).toString("hex"),
      ]),
    ),
  );
  assert.equal(new Set(derived).size, 40);
});

test("the longest domain a configuration can hold is within HKDF's limit", () => {
  assert.equal(deriveMaskKey(root, "hmac", "日".repeat(200)).length, 32);
});

test("a mask without a key has none to derive", () => {
  assert.throws(() => deriveMaskKey(root, "redact", "d"), { code: "internal" });
});

interface HkdfTest {
  readonly tcId: number;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
  readonly result: "valid" | "invalid";
}

const wycheproof = "wycheproof/hkdf_sha256_test.json";
test("the runtime's HKDF agrees with Wycheproof", { skip: vectorsAbsent(wycheproof) }, () => {
  const { testGroups } = readVectors(wycheproof) as { testGroups: readonly { tests: readonly HkdfTest[] }[] };
  const tests = testGroups.flatMap((group) => group.tests);
  assert.equal(tests.length, 86);
  for (const { tcId, ikm, salt, info, size, okm, result } of tests) {
    const derive = (): string => {
      const [root_, salt_, info_] = [ikm, salt, info].map((hex) => Buffer.from(hex, "hex")) as [Buffer, Buffer, Buffer];
      return Buffer.from(primitives.hkdfSha256(root_, salt_, info_, size)).toString("hex");
    };
    if (result === "valid") assert.equal(derive(), okm, `tcId ${tcId}`);
    else assert.throws(derive, `tcId ${tcId}`);
  }
});

const tink = "tink/prf_based_key_deriver_vectors.json";
test("Tink derives the same bytes from the same root", { skip: vectorsAbsent(tink) }, () => {
  const { prfKey, vectors } = readVectors(tink) as {
    prfKey: string;
    vectors: readonly { input: string; bytes: number; key: string }[];
  };
  for (const { input, bytes, key } of vectors) {
    const derived = primitives.hkdfSha256(Buffer.from(prfKey, "hex"), Buffer.alloc(0), Buffer.from(input, "hex"), bytes);
    assert.equal(Buffer.from(derived).toString("hex"), key);
  }
});
