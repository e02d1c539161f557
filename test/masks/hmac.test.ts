import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import * as fc from "fast-check";

import { createMask } from "../../src/masks/create-mask.ts";
import { hmacSha256 } from "../../src/masks/hmac.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";

const wycheproof = "wycheproof/hmac_sha256_test.json";
test("agrees with all Wycheproof vectors", { skip: vectorsAbsent(wycheproof) }, () => {
  interface Vector {
    readonly tcId: number;
    readonly key: string;
    readonly msg: string;
    readonly tag: string;
    readonly result: "valid" | "invalid";
  }
  const tests = (readVectors(wycheproof) as { testGroups: { tests: Vector[] }[] }).testGroups.flatMap((group) => group.tests);
  assert.equal(tests.length, 174);
  for (const { tcId, key, msg, tag, result } of tests) {
    const mac = hmacSha256(Buffer.from(key, "hex"), Buffer.from(msg, "hex")).toString("hex", 0, tag.length / 2);
    assert.equal(mac === tag, result === "valid", `tcId ${tcId}`);
  }
});

test("a token is the first 16 bytes of the text's HMAC, in any batch", () => {
  const key = testKey("hmac", "user_logins.ip");
  const mask = createMask(maskDefinition({ kind: "hmac" }), onlyKey(key));
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 70 }), { maxLength: 30 }), (values) => {
      const expected = values.map((value) =>
        createHmac("sha256", key.key).update(value).digest().subarray(0, 16).toString("base64url"),
      );
      assert.deepEqual(mask.apply(values), expected);
    }),
  );
});
