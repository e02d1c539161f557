import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { suite, test } from "node:test";

import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";

import { readIdentity, readRecipient } from "../../src/keys/recipient.ts";
import { openSealedStream, sealStreamTo } from "../../src/keys/sealed-stream.ts";
import { publicKeyOf } from "../../src/keys/sealing-key.ts";
import { refused } from "../harness/refused.ts";

const privateKey = randomBytes(32);
const pair = { privateKey, publicKey: publicKeyOf(privateKey) };
const parts = ["first\n", "", "second\n", "x".repeat(65_536)].map((text) => Buffer.from(text));

async function sealed(): Promise<readonly Buffer[]> {
  const sealer = await sealStreamTo(pair.publicKey);
  const pieces = [sealer.head];
  for (const [index, part] of parts.entries()) pieces.push(await sealer.seal(part, index === parts.length - 1));
  return pieces;
}

/** In pieces of odd sizes, as a file may come. */
async function* stream(bytes: Buffer, step: number = 1_000): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += step) yield bytes.subarray(from, from + step);
}

async function opened(bytes: Buffer, keys: typeof pair = pair, step?: number): Promise<Buffer> {
  const found: Buffer[] = [];
  for await (const part of openSealedStream(keys, stream(bytes, step))) found.push(part);
  return Buffer.concat(found);
}

suite("a stream sealed to a recipient", () => {
  test("opens for its recipient, in whatever pieces it comes", async () => {
    const bytes = Buffer.concat(await sealed());
    for (const step of [29, 1_000, bytes.length]) assert.deepEqual(await opened(bytes, pair, step), Buffer.concat(parts));
  });

  test("opens for nobody else, nor cut short, longer, altered or in another order", async () => {
    const pieces = await sealed();
    const [head, ...messages] = pieces as [Buffer, ...Buffer[]];
    const other = randomBytes(32);
    await refused(opened(Buffer.concat(pieces), { privateKey: other, publicKey: publicKeyOf(other) }), "file_unreadable");
    const altered = Buffer.concat(pieces);
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    const spoilt: Readonly<Record<string, readonly Buffer[]>> = {
      "without its last message": [head, ...messages.slice(0, -1)],
      "without its first message": [head, ...messages.slice(1)],
      "two messages changed over": [head, ...messages.slice(0, 2).reverse(), ...messages.slice(2)],
      "a message twice": [head, ...messages, messages.at(-1) as Buffer],
      "cut inside a message": [Buffer.concat(pieces).subarray(0, -1)],
      "a bit turned": [altered],
      "the head alone": [head],
      nothing: [],
      "something else": [Buffer.from("token,value\n".repeat(20))],
    };
    for (const [name, given] of Object.entries(spoilt)) {
      await assert.doesNotReject(refused(opened(Buffer.concat(given)), "file_unreadable"), name);
    }
  });

  test("is plain HPKE: the library's own recipient opens what the format says", async () => {
    const bytes = Buffer.concat(await sealed());
    const suiteOfLibrary = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const line = "maskline-revealed/1\n".length;
    const recipient = await suiteOfLibrary.SetupRecipient(
      {
        publicKey: await suiteOfLibrary.DeserializePublicKey(Uint8Array.from(pair.publicKey)),
        privateKey: await suiteOfLibrary.DeserializePrivateKey(Uint8Array.from(privateKey)),
      },
      Uint8Array.from(bytes.subarray(line, line + 32)),
      { info: Buffer.from("maskline/revealed/v1") },
    );
    const length = bytes.readUInt32BE(line + 32);
    const first = await recipient.Open(Uint8Array.from(bytes.subarray(line + 36, line + 36 + length)), Uint8Array.of(0));
    assert.deepEqual(Buffer.from(first), parts[0]);
  });
});

test("a recipient's key is read as PEM, hexadecimal digits or base64, and nothing else is", () => {
  const made = generateKeyPairSync("x25519");
  const publicPem = made.publicKey.export({ format: "pem", type: "spki" }).toString();
  const privatePem = made.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const raw = made.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  for (const text of [publicPem, raw.toString("hex"), raw.toString("base64"), `${raw.toString("base64url")}\n`])
    assert.deepEqual(readRecipient(text), raw);
  assert.deepEqual(readIdentity(privatePem)?.publicKey, raw);
  const edwards = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" }).toString();
  for (const text of ["", "key.pem", raw.toString("hex").slice(1), edwards, "-----BEGIN PUBLIC KEY-----\nx"])
    assert.equal(readRecipient(text), null);
});
