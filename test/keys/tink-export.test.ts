import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesField, numberField } from "../../src/keys/protobuf.ts";
import { sivKeyProto, tinkDeriverKeyset, tinkDomainKeyset } from "../../src/keys/tink-export.ts";
import { primitives } from "../../src/masks/self-test.ts";
import { tokenPrefix } from "../../src/masks/token.ts";
import { goldenKeyId, goldenRoot, testKey } from "../masks/masks.ts";
import { readVectors, vectorsAbsent } from "../masks/published-vectors.ts";
import { ringOf, root } from "./rings.ts";

const ring = ringOf(root(goldenKeyId, "ENABLED", goldenRoot), root(0x100), root(0x200, "DISABLED"), root(0x300, "DESTROYED"));

test("a domain's keyset is that of AES-SIV with output prefix TINK, enabled roots only", () => {
  const { primaryKeyId, key } = tinkDomainKeyset(ring, "user_logins.ip");
  assert.equal(primaryKeyId, goldenKeyId);
  assert.deepEqual(
    key.map(({ keyId, status }) => [keyId, status]),
    [
      [goldenKeyId, "ENABLED"],
      [0x100, "ENABLED"],
    ],
  );
  assert.deepEqual(key[0], {
    keyData: {
      typeUrl: "type.googleapis.com/google.crypto.tink.AesSivKey",
      keyMaterialType: "SYMMETRIC",
      // 12 40: field 2, 64 bytes
      value: Buffer.concat([Buffer.from([0x12, 0x40]), testKey("siv", "user_logins.ip").key]).toString("base64"),
    },
    status: "ENABLED",
    keyId: goldenKeyId,
    outputPrefixType: "TINK",
  });
});

test("the roots' keyset is that of Tink's deriver, byte for byte as protobuf writes it", () => {
  const { primaryKeyId, key } = tinkDeriverKeyset(ring);
  assert.equal(primaryKeyId, goldenKeyId);
  assert.deepEqual(
    key.map(({ keyId, outputPrefixType, keyData }) => [keyId, outputPrefixType, keyData.typeUrl]),
    [goldenKeyId, 0x100].map((id) => [id, "TINK", "type.googleapis.com/google.crypto.tink.PrfBasedDeriverKey"]),
  );
  const hex = (text: string): string => Buffer.from(text).toString("hex");
  assert.equal(
    Buffer.from(key[0]?.keyData.value ?? "", "base64").toString("hex"),
    [
      "125d", // prf_key, 93 bytes
      `0a31${hex("type.googleapis.com/google.crypto.tink.HkdfPrfKey")}`,
      `1226120208031a20${goldenRoot.toString("hex")}`, // value: an HkdfPrfKey
      "1801", // SYMMETRIC
      "1a3a", // params, 58 bytes
      "0a38", // derived_key_template, 56 bytes
      `0a30${hex("type.googleapis.com/google.crypto.tink.AesSivKey")}`,
      "12020840", // value: key_size 64
      "1801", // TINK
    ].join(""),
  );
});

test("numbers and lengths beyond seven bits take several bytes", () => {
  // source: protobuf.dev, "Encoding": 150 is 96 01
  assert.equal(numberField(1, 150).toString("hex"), "089601");
  assert.equal(numberField(16, 0xffff_ffff).toString("hex"), "8001ffffffff0f");
  assert.equal(bytesField(2, "testing").toString("hex"), "120774657374696e67");
  assert.equal(bytesField(2, new Uint8Array(300)).toString("hex", 0, 3), "12ac02");
});

const example = "tink/daead_keyset_example.json";
test("a key is written as in Tink's own keyset", { skip: vectorsAbsent(example) }, () => {
  const { keyset } = readVectors(example) as { keyset: { key: readonly { keyData: { value: string; typeUrl: string } }[] } };
  const [key] = keyset.key;
  assert.ok(key);
  const bytes = Buffer.from(key.keyData.value, "base64").subarray(2);
  assert.equal(sivKeyProto(bytes).toString("base64"), key.keyData.value);
  const [ours] = tinkDomainKeyset(ring, "d").key;
  assert.deepEqual(Object.keys(ours ?? {}).sort(), Object.keys(key).sort());
  assert.equal(ours?.keyData.typeUrl, key.keyData.typeUrl);
});

const vectorsFile = "tink/aes_siv_test_vectors.json";
test("a token is Tink's ciphertext with its prefix", { skip: vectorsAbsent(vectorsFile) }, () => {
  interface TinkVector extends Record<"variant" | "key" | "plaintext" | "aad" | "ciphertext", string> {
    readonly idRequirement: number;
  }
  const { vectors } = readVectors(vectorsFile) as { vectors: readonly TinkVector[] };
  const prefixed = vectors.filter(({ variant }) => variant === "TINK");
  assert.ok(prefixed.length > 0);
  for (const { key, plaintext, aad, ciphertext, idRequirement } of prefixed) {
    const sealed = Buffer.from(primitives.sealSiv(Buffer.from(key, "hex"), Buffer.from(aad, "hex"), Buffer.from(plaintext, "hex")));
    assert.equal(ciphertext.slice(10), sealed.toString("hex"));
    // the five bytes before it: the first six characters of our tokens show all but four bits of them
    assert.equal(Buffer.from(ciphertext, "hex").toString("base64url").slice(0, 6), tokenPrefix(idRequirement));
  }
});
