import assert from "node:assert/strict";
import { createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";

import { AEAD_AES_128_GCM, AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";

import { createSealingKey, publicKeyOf } from "../../src/keys/sealing-key.ts";
import { openSealingContext, unseal, type UnsealFailure } from "../../src/keys/sealing.ts";

const key = createSealingKey(0x0a0b_0c0d, randomBytes);
const place = ["quarantine", "login", "message-1"] as const;
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function refusedAs(failure: UnsealFailure): { readonly name: string; readonly failure: UnsealFailure } {
  return { name: "UnsealError", failure };
}

test("bodies of a batch open alone, in any order", async () => {
  const context = await openSealingContext(key);
  const bodies = ["", "one", "two", "x".repeat(100_000)];
  const sealed = await Promise.all(bodies.map((body, index) => context.seal(Buffer.from(body), ["t", String(index)])));
  for (const index of [3, 0, 2, 1, 0]) {
    assert.equal(text(await unseal([key], sealed[index] as Uint8Array, ["t", String(index)])), bodies[index]);
  }
});

test("sealed bytes are version, key id, index, encapsulated key, ciphertext and tag", async () => {
  const context = await openSealingContext(key);
  const [first, second] = [await context.seal(Buffer.from("same"), place), await context.seal(Buffer.from("same"), place)].map(
    (bytes) => Buffer.from(bytes),
  ) as [Buffer, Buffer];
  assert.equal(first.length, 1 + 4 + 4 + 32 + 4 + 16);
  assert.equal(first.toString("hex", 0, 9), "010a0b0c0d00000000");
  assert.equal(second.toString("hex", 0, 9), "010a0b0c0d00000001");
  assert.deepEqual(first.subarray(9, 41), second.subarray(9, 41), "one encapsulation for the batch");
  assert.notDeepEqual(first.subarray(41), second.subarray(41), "a key of its own for each body");
  const other = await (await openSealingContext(key)).seal(Buffer.from("same"), place);
  assert.notDeepEqual(Buffer.from(other).subarray(9, 41), first.subarray(9, 41), "another batch, another encapsulation");
});

test("is exactly the construction written down: exported single-use key, zero nonce, place as associated data", async () => {
  const sealed = Buffer.from(await (await openSealingContext(key)).seal(Buffer.from("body"), place));
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
  const pair = {
    publicKey: await suite.DeserializePublicKey(Uint8Array.from(key.publicKey)),
    privateKey: await suite.DeserializePrivateKey(Uint8Array.from(key.privateKey?.export() ?? [])),
  };
  const exportContext = Buffer.concat([Buffer.from("maskline/seal/v1"), Buffer.alloc(4)]);
  const singleUse = await suite.ReceiveExport(pair, Uint8Array.from(sealed.subarray(9, 41)), exportContext, 32, {
    info: Buffer.from("maskline/seal/v1"),
  });
  const decipher = createDecipheriv("aes-256-gcm", singleUse, Buffer.alloc(12));
  decipher.setAAD(Buffer.from('["quarantine","login","message-1"]')).setAuthTag(sealed.subarray(-16));
  assert.equal(Buffer.concat([decipher.update(sealed.subarray(41, -16)), decipher.final()]).toString(), "body");
});

test("a body opens in its own place only", async () => {
  const sealed = await (await openSealingContext(key)).seal(Buffer.from("body"), place);
  const elsewhere = [
    [],
    ["quarantine"],
    ["quarantine", "login", "message-2"],
    ["vault", "login", "message-1"],
    ["quarantine,login", "message-1"],
    [...place, ""],
  ];
  for (const other of elsewhere) await assert.rejects(unseal([key], sealed, other), refusedAs("not_authentic"));
});

test("no changed byte opens", async () => {
  const sealed = await (await openSealingContext(key)).seal(Buffer.from("body"), place);
  for (let at = 0; at < sealed.length; at += 1) {
    const forged = Uint8Array.from(sealed);
    forged[at] = (forged[at] as number) ^ 0x01;
    const failure = at === 0 ? "malformed" : at < 5 ? "unknown_key" : "not_authentic";
    await assert.rejects(unseal([key], forged, place), refusedAs(failure), `byte ${at}`);
  }
});

test("no shortened body opens", async () => {
  const sealed = await (await openSealingContext(key)).seal(Buffer.from("body"), place);
  for (let length = 0; length < sealed.length; length += 1) {
    const failure = length < 57 ? "malformed" : "not_authentic";
    await assert.rejects(unseal([key], sealed.subarray(0, length), place), refusedAs(failure), `${length} bytes`);
  }
});

test("points of low order are refused", async () => {
  const sealed = Uint8Array.from(await (await openSealingContext(key)).seal(Buffer.from("body"), place));
  await assert.rejects(unseal([key], sealed.fill(0, 9, 41), place), refusedAs("not_authentic"));
});

test("an unknown key, a missing private half and a wrong key are told apart", async () => {
  const sealed = await (await openSealingContext(key)).seal(Buffer.from("body"), place);
  const other = createSealingKey(1, randomBytes);
  await assert.rejects(unseal([], sealed, place), refusedAs("unknown_key"));
  await assert.rejects(unseal([other], sealed, place), refusedAs("unknown_key"));
  await assert.rejects(unseal([{ ...key, privateKey: null }], sealed, place), refusedAs("unknown_key"));
  await assert.rejects(unseal([{ ...other, id: key.id }], sealed, place), refusedAs("not_authentic"));
  assert.equal(text(await unseal([other, key], sealed, place)), "body");
});

test("sealing needs the public half only", async () => {
  const sealed = await (await openSealingContext({ id: key.id, publicKey: key.publicKey })).seal(Buffer.from("body"), place);
  assert.equal(text(await unseal([key], sealed, place)), "body");
});

// source: RFC 9180 appendix A.1.1 and A.1.1.2 (DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode)
const rfc9180 = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  recipientPublic: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
  recipientPrivate: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
  encapsulated: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
  associated: "436f756e742d30",
  plaintext: "4265617574792069732074727574682c20747275746820626561757479",
  ciphertext: "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
  exports: [
    { context: "", value: "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee" },
    { context: "00", value: "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5" },
    { context: "54657374436f6e74657874", value: "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931" },
  ],
} as const;

test("the library opens and exports as RFC 9180 appendix A.1 says", async () => {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_128_GCM);
  const pair = {
    publicKey: await suite.DeserializePublicKey(fromHex(rfc9180.recipientPublic)),
    privateKey: await suite.DeserializePrivateKey(fromHex(rfc9180.recipientPrivate)),
  };
  const context = await suite.SetupRecipient(pair, fromHex(rfc9180.encapsulated), { info: fromHex(rfc9180.info) });
  const opened = await context.Open(fromHex(rfc9180.ciphertext), fromHex(rfc9180.associated));
  assert.equal(Buffer.from(opened).toString("hex"), rfc9180.plaintext);
  for (const { context: exporter, value } of rfc9180.exports) {
    assert.equal(Buffer.from(await context.Export(fromHex(exporter), 32)).toString("hex"), value);
  }
  assert.equal(publicKeyOf(fromHex(rfc9180.recipientPrivate)).toString("hex"), rfc9180.recipientPublic);
});

test("a new sealing key is the pair of its random bytes", () => {
  const privateKey = Buffer.from(rfc9180.recipientPrivate, "hex");
  const made = createSealingKey(7, () => privateKey);
  assert.deepEqual(Buffer.from(made.publicKey).toString("hex"), rfc9180.recipientPublic);
  assert.ok(made.privateKey?.equals(createSecretKey(privateKey)));
});
