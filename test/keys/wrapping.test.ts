import assert from "node:assert/strict";
import { createCipheriv, randomBytes, scryptSync } from "node:crypto";
import { suite, test } from "node:test";
import { inspect } from "node:util";

import { assert as check, integer, property, record } from "fast-check";

import { openEnvelope, sealEnvelope } from "../../src/keys/envelope.ts";
import { readPassphraseHeader } from "../../src/keys/passphrase-wrapping.ts";
import { serializeKeyRing } from "../../src/keys/ring.ts";
import { passphraseWrapping, plainWrapping, readWrapped, type Unlocking, unwrap, type Wrapping } from "../../src/keys/wrapping.ts";
import { newRing } from "./rings.ts";

const passphrase = "correct horse battery staple";
const ring = serializeKeyRing(newRing());
/** One for all tests that only read it: each costs a scrypt. */
const wrapped = await passphraseWrapping(passphrase, randomBytes).wrap(ring);

function knowing(text: string): Unlocking {
  return { passphrase: () => Promise.resolve(text), keyService: () => assert.fail("KMS was asked"), kmsKey: null };
}

async function open(stored: string, text: string = passphrase): Promise<readonly [string, Wrapping]> {
  return unwrap(stored, readWrapped(stored), knowing(text), randomBytes);
}

interface File {
  wrap: Record<string, unknown>;
  ciphertext: string;
  [member: string]: unknown;
}

function altered(change: (file: File) => void, stored: string = wrapped): string {
  const file = JSON.parse(stored) as File;
  change(file);
  return JSON.stringify(file);
}

suite("a ring wrapped by a passphrase", () => {
  test("opens to the very text, under its passphrase only", async () => {
    const [text, wrapping] = await open(wrapped);
    assert.equal(text, ring);
    assert.equal(wrapping.kind, "passphrase");
    for (const wrong of ["correct horse battery stapl", "Correct horse battery staple", `${passphrase} `, "x"]) {
      await assert.rejects(open(wrapped, wrong), { code: "keyring_locked" }, wrong);
    }
  });

  test("is scrypt and AES-256-GCM over the canonical header, as anyone can compute it", () => {
    const { wrap, ciphertext } = JSON.parse(wrapped) as { wrap: Record<string, string>; ciphertext: string };
    const key = scryptSync(passphrase, Buffer.from(wrap["salt"] ?? "", "base64"), 32, { N: 131_072, r: 8, p: 1, maxmem: 2 ** 28 });
    const header = `{"format":"maskline-keyring-wrapped","version":1,"wrap":{"cipher":"aes-256-gcm","kdf":"scrypt","kind":"passphrase","n":131072,"nonce":"${wrap["nonce"]}","p":1,"r":8,"salt":"${wrap["salt"]}"}}`;
    const gcm = createCipheriv("aes-256-gcm", key, Buffer.from(wrap["nonce"] ?? "", "base64")).setAAD(Buffer.from(header));
    const expected = Buffer.concat([gcm.update(ring), gcm.final(), gcm.getAuthTag()]);
    assert.equal(ciphertext, expected.toString("base64"));
  });

  test("is wrapped anew each time: salt, nonce and ciphertext are never those of another", async () => {
    const [, wrapping] = await open(wrapped);
    const [first, second] = [wrapped, await wrapping.wrap(ring)].map((stored) => JSON.parse(stored) as File);
    assert.notEqual(first?.wrap["salt"], second?.wrap["salt"]);
    assert.notEqual(first?.wrap["nonce"], second?.wrap["nonce"]);
    assert.notEqual(first?.ciphertext, second?.ciphertext);
  });

  test("opens on a machine that types letters in two pieces", async () => {
    const stored = await passphraseWrapping("café au lait, s'il vous plaît".normalize("NFD"), randomBytes).wrap(ring);
    assert.equal((await open(stored, "café au lait, s'il vous plaît".normalize("NFC")))[0], ring);
  });

  test("wants a passphrase that stands alone", async () => {
    await assert.rejects(passphraseWrapping("x".repeat(14), randomBytes).wrap(ring), { code: "usage", message: /15 characters/ });
    await passphraseWrapping("x".repeat(15), randomBytes).wrap(ring);
  });

  test("asks scrypt for no more and no less than its bounds, before it is asked at all", async () => {
    const header = JSON.parse(wrapped) as { wrap: object };
    assert.equal(readPassphraseHeader({ ...header.wrap, n: 1_048_576 }).n, 1_048_576);
    const wrong: readonly [string, unknown][] = [
      ["n", 65_536],
      ["n", 131_073],
      ["n", 2_097_152],
      ["n", 2 ** 40],
      ["n", 131_072.5],
      ["n", -131_072],
      ["n", "131072"],
      ["n", null],
      ["r", 7],
      ["r", 1_000_000],
      ["p", 2],
      ["p", 0],
      ["kdf", "pbkdf2"],
      ["kind", "none"],
      ["cipher", "aes-128-gcm"],
      ["salt", "AAAA"],
      ["nonce", ""],
      ["nonce", "AAAAAAAAAAAAAAAAAAAA"],
    ];
    for (const [name, value] of wrong) {
      await assert.rejects(
        async () => open(altered(({ wrap }) => void (wrap[name] = value))),
        { code: "keyring_malformed", message: new RegExp(`wrap\\.${name}`) },
        `${name} ${String(value)}`,
      );
    }
  });

  test("is refused as malformed where a member is missing, added or of a newer version", async () => {
    const wrong: readonly [RegExp, (file: File) => void][] = [
      [/wrap\.salt should be there/, ({ wrap }) => void delete wrap["salt"]],
      [/wrap should be only/, ({ wrap }) => void (wrap["more"] = 1)],
      [/ciphertext should be there/, (file) => void Reflect.deleteProperty(file, "ciphertext")],
      [/the file should be only/, (file) => void (file["more"] = 1)],
      [/newer maskline/, (file) => void (file["version"] = 2)],
      [/version should be 1/, (file) => void (file["version"] = "1")],
      [/wrap\.kind/, (file) => void Reflect.set(file, "wrap", null)],
      [/16 to 1048576 bytes, found 15/, (file) => void (file.ciphertext = Buffer.alloc(15).toString("base64"))],
      [/found 1048577/, (file) => void (file.ciphertext = Buffer.alloc(1_048_577).toString("base64"))],
      [/base64 with padding/, (file) => void (file.ciphertext = file.ciphertext.replace(/.$/, "-"))],
    ];
    for (const [message, change] of wrong) {
      await assert.rejects(async () => open(altered(change)), { code: "keyring_malformed", message });
    }
  });

  test("does not open with another one's salt, nonce or ciphertext", async () => {
    const other = JSON.parse(await passphraseWrapping(passphrase, randomBytes).wrap(ring)) as File;
    for (const name of ["salt", "nonce"]) {
      await assert.rejects(open(altered(({ wrap }) => void (wrap[name] = other.wrap[name]))), { code: "keyring_locked" }, name);
    }
    await assert.rejects(open(altered((file) => void (file.ciphertext = other.ciphertext))), { code: "keyring_locked" });
    await assert.rejects(open(altered(({ wrap }) => void (wrap["n"] = 262_144))), { code: "keyring_locked" });
  });
});

suite("an envelope", () => {
  const key = randomBytes(32);
  const wrap = { kind: "passphrase", cipher: "aes-256-gcm", nonce: randomBytes(12).toString("base64") } as const;
  const { ciphertext: encoded } = JSON.parse(sealEnvelope(wrap, key, ring)) as { ciphertext: string };
  const ciphertext = Buffer.from(encoded, "base64");

  test("opens under its key, and any changed byte or bit of ciphertext, tag, nonce or key keeps it shut", () => {
    assert.equal(openEnvelope({ wrap, ciphertext }, key), ring);
    const nonce = Buffer.from(wrap.nonce, "base64");
    const flipped = (bytes: Buffer, at: number, bits: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ bits;
      return copy;
    };
    for (let at = 0; at < ciphertext.length; at += 1) {
      assert.equal(openEnvelope({ wrap, ciphertext: flipped(ciphertext, at, 1) }, key), null, `byte ${at}`);
    }
    check(
      property(
        record({ at: integer({ min: 0, max: ciphertext.length - 1 }), bits: integer({ min: 1, max: 255 }) }),
        ({ at, bits }) => {
          assert.equal(openEnvelope({ wrap, ciphertext: flipped(ciphertext, at, bits) }, key), null);
          const otherNonce = { ...wrap, nonce: flipped(nonce, at % nonce.length, bits).toString("base64") };
          assert.equal(openEnvelope({ wrap: otherNonce, ciphertext }, key), null);
          assert.equal(openEnvelope({ wrap, ciphertext }, flipped(key, at % key.length, bits)), null);
          assert.equal(openEnvelope({ wrap, ciphertext: ciphertext.subarray(0, -(bits % 16) - 1) }, key), null);
        },
      ),
    );
  });

  test("binds every member of its header", () => {
    for (const other of [
      { ...wrap, kind: "aws-kms" },
      { ...wrap, more: 1 },
      { ...wrap, kind: "passphrase\u0000" },
    ]) {
      assert.equal(openEnvelope({ wrap: other, ciphertext }, key), null);
    }
    // the order in a file says nothing
    assert.equal(openEnvelope({ wrap: { nonce: wrap.nonce, cipher: wrap.cipher, kind: wrap.kind }, ciphertext }, key), ring);
  });
});

test("what is no envelope is taken for a plain ring, whose reader decides; what is no JSON is refused", async () => {
  for (const stored of [ring, "{}", "[]", "1", "null", '{"format":"maskline-keyring"}']) {
    assert.deepEqual(await open(stored), [stored, plainWrapping]);
  }
  await assert.rejects(async () => open(`x${wrapped}`), { code: "keyring_malformed" });
});

test("a wrapping shows neither passphrase nor ring, however it is printed; nor does an error", async () => {
  const [, wrapping] = await open(wrapped);
  const shown = [inspect(wrapping, { depth: 9, showHidden: true }), JSON.stringify(wrapping)];
  for (const change of [({ wrap }: File) => void (wrap["n"] = 262_144), ({ wrap }: File) => void (wrap["salt"] = passphrase)]) {
    await assert.rejects(
      async () => open(altered(change)),
      (error) => shown.push(inspect(error, { depth: 9, showHidden: true })) > 0,
    );
  }
  for (const text of shown) assert.ok(!text.includes("horse"), text);
});
