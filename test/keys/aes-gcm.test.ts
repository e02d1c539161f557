import assert from "node:assert/strict";
import { test } from "node:test";

import { openGcm, sealGcm } from "../../src/keys/aes-gcm.ts";
import { readVectors, vectorsAbsent } from "../masks/published-vectors.ts";

interface GcmTest extends Record<"key" | "iv" | "aad" | "msg" | "ct" | "tag", string> {
  readonly tcId: number;
  readonly result: "valid" | "invalid";
}
interface GcmVectors {
  readonly testGroups: readonly {
    readonly keySize: number;
    readonly ivSize: number;
    readonly tagSize: number;
    readonly tests: GcmTest[];
  }[];
}

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

const wycheproof = "wycheproof/aes_gcm_test.json";
test(
  "AES-256-GCM agrees with all valid Wycheproof vectors and refuses all invalid ones",
  { skip: vectorsAbsent(wycheproof) },
  () => {
    const { testGroups } = readVectors(wycheproof) as GcmVectors;
    const tests = testGroups
      .filter(({ keySize, ivSize, tagSize }) => keySize === 256 && ivSize === 96 && tagSize === 128)
      .flatMap((group) => group.tests);
    assert.equal(tests.length, 66);
    for (const { tcId, key, iv, aad, msg, ct, tag, result } of tests) {
      const [keyBytes, nonce, associated] = [bytes(key), bytes(iv), bytes(aad)] as const;
      const opened = openGcm(keyBytes, nonce, associated, bytes(ct + tag));
      assert.equal(opened === null ? null : opened.toString("hex"), result === "valid" ? msg : null, `tcId ${tcId}`);
      const sealed = sealGcm(keyBytes, nonce, associated, bytes(msg)).toString("hex");
      assert.equal(sealed === ct + tag, result === "valid", `tcId ${tcId}`);
    }
  },
);

test("no shortened text opens, however short its tag", () => {
  const [key, nonce, associated] = [Buffer.alloc(32, 1), Buffer.alloc(12, 2), Buffer.from("place")];
  const sealed = sealGcm(key, nonce, associated, Buffer.from("body"));
  assert.equal(openGcm(key, nonce, associated, sealed)?.toString(), "body");
  for (let length = 0; length < sealed.length; length += 1) {
    assert.equal(openGcm(key, nonce, associated, sealed.subarray(0, length)), null, `${length} bytes`);
  }
});
