import assert from "node:assert/strict";
import { createHmac, createPrivateKey, createPublicKey, diffieHellman, randomBytes } from "node:crypto";
import { test } from "node:test";

import {
  AEAD_AES_256_GCM,
  AEAD_EXPORT_ONLY,
  type AEADFactory,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
} from "hpke";

import { openGcm } from "../../src/keys/aes-gcm.ts";
import { createSealingKey, publicKeyOf } from "../../src/keys/sealing-key.ts";
import { openSealingContext, receiveExport } from "../../src/keys/sealing.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const toHex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString("hex"));

interface Vector {
  readonly recipientPublic: string;
  readonly recipientPrivate: string;
  readonly encapsulated: string;
  readonly sharedSecret: string;
  /** For the exporter contexts of all vectors. */
  readonly exports: readonly [string, string, string];
}

const info = "4f6465206f6e2061204772656369616e2055726e";
const exporterContexts = ["", "00", "54657374436f6e74657874"] as const;

/**
 * source: the file that RFC 9180 refers to as [TestVectors], mode 0, KEM 32, KDF 1, AEAD 2: the very suite that seals here. Appendix A
 * itself prints X25519 with AES-128-GCM, ChaCha20-Poly1305 and Export-Only, and AES-256-GCM with P-521.
 */
const ours: Vector & Record<"associated" | "plaintext" | "ciphertext", string> = {
  recipientPublic: "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
  recipientPrivate: "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
  encapsulated: "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
  sharedSecret: "3101c54c3a4f87439eaac080699ed9bbcc726ffe44e860c0424ccb7e3e2ead7b",
  exports: [
    "ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810ee291770a",
    "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64b7507339",
    "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2",
  ],
  associated: "436f756e742d30",
  plaintext: "4265617574792069732074727574682c20747275746820626561757479",
  ciphertext: "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a",
};

/** source: RFC 9180 appendix A.7.1: the same KEM and KDF, and secret export as the only use. */
const exportOnly: Vector = {
  recipientPublic: "194141ca6c3c3beb4792cd97ba0ea1faff09d98435012345766ee33aae2d7664",
  recipientPrivate: "33d196c830a12f9ac65d6e565a590d80f04ee9b19c83c87f2c170d972a812848",
  encapsulated: "e5e8f9bfff6c2f29791fc351d2c25ce1299aa5eaca78a757c0b4fb4bcd830918",
  sharedSecret: "e81716ce8f73141d4f25ee9098efc968c91e5b8ce52ffff59d64039e82918b66",
  exports: [
    "7a36221bd56d50fb51ee65edfd98d06a23c4dc87085aa5866cb7087244bd2a36",
    "d5535b87099c6c3ce80dc112a2671c6ec8e811a2f284f948cec6dd1708ee33f0",
    "ffaabc85a776136ca0c378e5d084c9140ab552b78f039d2e8775f26efff4c70e",
  ],
};

test("what opens sealed bodies exports the secrets of RFC 9180's vectors for this suite", async () => {
  const pair = { publicKey: hex(ours.recipientPublic), privateKey: hex(ours.recipientPrivate) };
  for (const [index, context] of exporterContexts.entries()) {
    const exported = await receiveExport(pair, hex(ours.encapsulated), hex(info), hex(context));
    assert.equal(toHex(exported), ours.exports[index]);
  }
  assert.equal(publicKeyOf(pair.privateKey).toString("hex"), ours.recipientPublic);
});

test("what is no encapsulated key exports nothing", async () => {
  const pair = { publicKey: hex(ours.recipientPublic), privateKey: hex(ours.recipientPrivate) };
  for (const encapsulated of [
    new Uint8Array(32),
    new Uint8Array(31),
    new Uint8Array(),
    Uint8Array.from([1, ...new Uint8Array(31)]),
  ]) {
    assert.equal(await receiveExport(pair, encapsulated, hex(info), hex("")), null);
  }
});

async function recipientContext(
  aead: AEADFactory,
  { recipientPublic, recipientPrivate, encapsulated }: Vector,
): ReturnType<CipherSuite["SetupRecipient"]> {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, aead);
  const pair = {
    publicKey: await suite.DeserializePublicKey(hex(recipientPublic)),
    privateKey: await suite.DeserializePrivateKey(hex(recipientPrivate)),
  };
  return suite.SetupRecipient(pair, hex(encapsulated), { info: hex(info) });
}

test("the library opens the vector's ciphertext, and exports as appendix A.7.1 says", async () => {
  const context = await recipientContext(AEAD_AES_256_GCM, ours);
  assert.equal(toHex(await context.Open(hex(ours.ciphertext), hex(ours.associated))), ours.plaintext);
  const exporting = await recipientContext(AEAD_EXPORT_ONLY, exportOnly);
  for (const [index, exporterContext] of exporterContexts.entries()) {
    assert.equal(toHex(await exporting.Export(hex(exporterContext), 32)), exportOnly.exports[index]);
  }
});

/**
 * RFC 9180 again, from the text, on node:crypto alone: base mode of DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256 for the secret export.
 * The vectors hold it to the RFC; it holds the library to the RFC for keys that no vector has.
 */
const kemId = Buffer.from("KEM\x00\x20", "latin1");
const suiteId = (aead: number): Buffer => Buffer.concat([Buffer.from("HPKE\x00\x20\x00\x01", "latin1"), twoBytes(aead)]);
const [aes256Gcm, noAead] = [2, 0xffff];

function twoBytes(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** Section 4, LabeledExtract. */
function labeledExtract(suite: Buffer, salt: Uint8Array, label: string, material: Uint8Array): Buffer {
  return createHmac("sha256", salt)
    .update(Buffer.concat([Buffer.from("HPKE-v1"), suite, Buffer.from(label), material]))
    .digest();
}

/** Section 4, LabeledExpand, for the 32 bytes of one round of HKDF-Expand. */
function labeledExpand(suite: Buffer, key: Uint8Array, label: string, context: Uint8Array): Buffer {
  return createHmac("sha256", key)
    .update(Buffer.concat([twoBytes(32), Buffer.from("HPKE-v1"), suite, Buffer.from(label), context, Buffer.from([1])]))
    .digest();
}

/** Section 4.1, Decap. */
function sharedSecretOf(privateKey: Uint8Array, encapsulated: Uint8Array): Buffer {
  const dh = diffieHellman({
    privateKey: createPrivateKey({
      key: Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), privateKey]),
      format: "der",
      type: "pkcs8",
    }),
    publicKey: createPublicKey({
      key: Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), encapsulated]),
      format: "der",
      type: "spki",
    }),
  });
  const kemContext = Buffer.concat([encapsulated, publicKeyOf(privateKey)]);
  return labeledExpand(kemId, labeledExtract(kemId, new Uint8Array(), "eae_prk", dh), "shared_secret", kemContext);
}

/** Sections 5.1 (KeySchedule) and 5.3 (Export). */
function exportByHand(aead: number, sharedSecret: Uint8Array, information: Uint8Array, exporterContext: Uint8Array): Buffer {
  const suite = suiteId(aead);
  const none = new Uint8Array();
  const context = Buffer.concat([
    Buffer.from([0]),
    labeledExtract(suite, none, "psk_id_hash", none),
    labeledExtract(suite, none, "info_hash", information),
  ]);
  const secret = labeledExtract(suite, sharedSecret, "secret", none);
  return labeledExpand(suite, labeledExpand(suite, secret, "exp", context), "sec", exporterContext);
}

test("RFC 9180 written down again agrees with its vectors", () => {
  for (const [aead, vector] of [
    [aes256Gcm, ours],
    [noAead, exportOnly],
  ] as const) {
    const shared = sharedSecretOf(hex(vector.recipientPrivate), hex(vector.encapsulated));
    assert.equal(toHex(shared), vector.sharedSecret);
    for (const [index, context] of exporterContexts.entries()) {
      assert.equal(toHex(exportByHand(aead, shared, hex(info), hex(context))), vector.exports[index]);
    }
  }
});

test("a sealed body opens by RFC 9180 written down again, without the library", async () => {
  for (let round = 0; round < 20; round += 1) {
    const privateKey = randomBytes(32);
    const key = createSealingKey(round + 1, () => privateKey);
    const context = await openSealingContext(key);
    const bodies = ["", "body", "x".repeat(1_000)];
    for (const [index, body] of bodies.entries()) {
      const sealed = Buffer.from(await context.seal(Buffer.from(body), ["quarantine", "p", String(index)]));
      const shared = sharedSecretOf(privateKey, sealed.subarray(9, 41));
      const purpose = Buffer.from("maskline/seal/v1");
      const single = exportByHand(aes256Gcm, shared, purpose, Buffer.concat([purpose, Buffer.from([0, 0, 0, index])]));
      const associated = Buffer.from(`["quarantine","p","${index}"]`);
      assert.equal(openGcm(single, Buffer.alloc(12), associated, sealed.subarray(41))?.toString(), body);
    }
  }
});
