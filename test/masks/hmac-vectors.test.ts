import assert from "node:assert/strict";
import { test } from "node:test";

import { primitives } from "../../src/masks/self-test.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";

interface HmacVectors {
  readonly testGroups: readonly {
    readonly tagSize: number;
    readonly tests: readonly {
      readonly tcId: number;
      readonly key: string;
      readonly msg: string;
      readonly tag: string;
      readonly result: string;
    }[];
  }[];
}

const wycheproof = "wycheproof/hmac_sha256_test.json";
test("HMAC-SHA256, whole and cut to 128 bits, agrees with Wycheproof", { skip: vectorsAbsent(wycheproof) }, () => {
  const { testGroups } = readVectors(wycheproof) as HmacVectors;
  const tests = testGroups.flatMap(({ tagSize, tests: group }) => group.map((one) => ({ ...one, tagBytes: tagSize / 8 })));
  assert.equal(tests.length, 174);
  for (const { tcId, key, msg, tag, result, tagBytes } of tests) {
    const mac = Buffer.from(primitives.hmacSha256(Buffer.from(key, "hex"), Buffer.from(msg, "hex"))).toString("hex", 0, tagBytes);
    assert.equal(mac === tag, result === "valid", `tcId ${tcId}`);
  }
});
