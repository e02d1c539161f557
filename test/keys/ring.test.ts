import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { format, inspect } from "node:util";

import type { MasklineError } from "../../src/errors.ts";
import { createKeyRing, KeyRing, parseKeyRing, serializeKeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { newRing, ringOf, root, spellings } from "./rings.ts";

test("a new ring has one enabled root, the primary, and one sealing pair", () => {
  const ring = newRing();
  const { primaryId, roots, sealing } = ring.toJSON();
  assert.deepEqual(roots, [{ id: primaryId, status: "ENABLED" }]);
  assert.equal(ring.primary.key.symmetricKeySize, 32);
  assert.deepEqual(
    sealing.map(({ opens }) => opens),
    [true],
  );
  assert.notDeepEqual(newRing().toJSON(), ring.toJSON());
});

test("a key id is never zero", () => {
  let drawn = 0;
  const zeroFirst = (length: number): Buffer => (drawn++ === 0 ? Buffer.alloc(length) : randomBytes(length));
  assert.notEqual(createKeyRing(zeroFirst).primary.id, 0);
});

test("what is written is read again, byte for byte, in every state", () => {
  const ring = ringOf(root(0xffff_ffff), root(0x10, "DISABLED"), root(0x20, "DESTROYED"));
  const text = serializeKeyRing(ring);
  assert.equal(serializeKeyRing(parseKeyRing(text)), text);
  assert.deepEqual(parseKeyRing(text).toJSON(), ring.toJSON());
});

test("a ring that only seals has no private key", () => {
  const [pair] = newRing().sealing;
  assert.ok(pair !== undefined);
  const primary = root(1);
  const ring = parseKeyRing(serializeKeyRing(new KeyRing(1, [primary], [{ ...pair, privateKey: null }])));
  assert.deepEqual(ring.toJSON().sealing, [{ id: pair.id, opens: false }]);
});

test("the primary makes tokens, all enabled roots open them, others do not exist", () => {
  const ring = ringOf(root(0x100), root(0x200), root(0x300, "DISABLED"), root(0x400, "DESTROYED"));
  const { primary, known } = ring.domainKeys("siv", "login.ip");
  assert.equal(primary.id, 0x100);
  assert.deepEqual(
    known.map(({ id, key }) => [id, key.length]),
    [
      [0x100, 64],
      [0x200, 64],
    ],
  );
  assert.deepEqual(
    ring.checkValues("siv", "login.ip").map(({ id, value }) => [id, value.length]),
    [
      [0x100, 16],
      [0x200, 16],
    ],
  );
});

test("a ring from a file makes the golden token", () => {
  // source: the design's golden values; the keyset is Tink's form of that root.
  const golden = Buffer.from("0102030405060708091011121314151617181920212123242526272829303132", "hex");
  const ring = parseKeyRing(serializeKeyRing(ringOf(root(0x4d2, "ENABLED", golden))));
  const definition = { kind: "siv", domain: "user_logins.ip", type: "ip", encode: "text", key: null, settings: {} } as const;
  const mask = createMask(definition, ring.domainKeys("siv", "user_logins.ip"));
  assert.deepEqual(mask.apply(["203.0.113.77"]), ["AQAABNLECpW4VotnfDd8C4ky57jPahE7jy3l8pCgRWGx"]);
});

test("a root is written as Tink writes an HKDF PRF key", () => {
  const written = serializeKeyRing(ringOf(root(0x4d2, "ENABLED", Buffer.alloc(32, 0xab))));
  const { keyset } = JSON.parse(written) as { keyset: unknown };
  assert.deepEqual(keyset, {
    primaryKeyId: 0x4d2,
    key: [
      {
        keyData: {
          typeUrl: "type.googleapis.com/google.crypto.tink.HkdfPrfKey",
          keyMaterialType: "SYMMETRIC",
          value: Buffer.from(`120208031a20${"ab".repeat(32)}`, "hex").toString("base64"),
        },
        status: "ENABLED",
        keyId: 0x4d2,
        outputPrefixType: "RAW",
      },
    ],
  });
});

test("a ring shows no secret, however it is printed", () => {
  const ring = ringOf(root(1 << 8), root(2 << 8, "DISABLED"));
  const secrets = [
    ...ring.roots.flatMap((one) => (one.status === "DESTROYED" ? [] : [one.key.export()])),
    ...ring.sealing.flatMap(({ privateKey }) => (privateKey === null ? [] : [privateKey.export()])),
  ];
  assert.equal(secrets.length, 3);
  const deep = { depth: 20, showHidden: true, getters: true, customInspect: false } as const;
  const printed = [
    inspect(ring),
    inspect(ring, deep),
    inspect({ ring, roots: ring.roots, sealing: ring.sealing }, deep),
    format("%s %o %O %j", ring, ring, ring, ring),
    JSON.stringify([ring, ring.roots, ring.sealing]),
    inspect(Object.entries(ring), deep),
  ];
  for (const text of printed) {
    for (const spelling of secrets.flatMap(spellings)) assert.ok(!text.includes(spelling));
  }
  // The spellings are those a leak would have: without the wrapping they are found.
  assert.ok(secrets.every((secret) => spellings(secret).some((spelling) => inspect(secret).includes(spelling))));
});

type Json = Record<string, unknown>;
interface RingFile extends Json {
  keyset: { primaryKeyId: unknown; key: { keyData: Json; status: unknown; keyId: unknown }[] & Json[] } & Json;
  sealing: Json[];
}

const faulty: Readonly<Record<string, (file: RingFile) => unknown>> = {
  "another format": (file) => (file["format"] = "tink"),
  "a newer version": (file) => (file["version"] = 2),
  "a further member": (file) => (file["comment"] = "x"),
  "no keyset": (file) => delete (file as Json)["keyset"],
  "a keyset without keys": (file) => (file.keyset.key.length = 0),
  "a primary that is not there": (file) => (file.keyset.primaryKeyId = 99),
  "a primary as text": (file) => (file.keyset.primaryKeyId = "256"),
  "a disabled primary": (file) => (keyOf(file)["status"] = "DISABLED"),
  "an unknown status": (file) => (keyOf(file)["status"] = "UNKNOWN_STATUS"),
  "a key id of zero": (file) => (keyOf(file)["keyId"] = 0),
  "a key id of 33 bits": (file) => (keyOf(file)["keyId"] = 2 ** 32),
  "a fractional key id": (file) => (keyOf(file)["keyId"] = 1.5),
  "another output prefix": (file) => (keyOf(file)["outputPrefixType"] = "TINK"),
  "another key type": (file) => (dataOf(file)["typeUrl"] = "type.googleapis.com/google.crypto.tink.AesSivKey"),
  "another key material": (file) => (dataOf(file)["keyMaterialType"] = "ASYMMETRIC_PRIVATE"),
  "a key with a salt": (file) => (dataOf(file)["value"] = protoKey("1205080312011a20")),
  "a key with another hash": (file) => (dataOf(file)["value"] = protoKey("120208041a20")),
  "a key with a version": (file) => (dataOf(file)["value"] = protoKey("0801120208031a20")),
  "a short key": (file) => (dataOf(file)["value"] = protoKey("120208031a20").slice(0, -4)),
  "base64 without padding": (file) => (dataOf(file)["value"] = String(dataOf(file)["value"]).replaceAll("=", "")),
  "a destroyed key that is still there": (file) => {
    const [first = {}] = file.keyset.key;
    file.keyset.key.push({ ...first, keyId: 512, status: "DESTROYED" } as RingFile["keyset"]["key"][number]);
  },
  "two roots that tokens could not tell apart": (file) => {
    const [first = {}] = file.keyset.key;
    file.keyset.key.push({ ...first, keyId: 257 } as RingFile["keyset"]["key"][number]);
  },
  "no sealing key": (file) => (file.sealing.length = 0),
  "two sealing keys of one id": (file) => file.sealing.push({ ...file.sealing[0] }),
  "halves of two sealing pairs": (file) => ((file.sealing[0] as Json)["publicKey"] = Buffer.alloc(32, 9).toString("base64")),
  "a sealing key without a private member": (file) => delete (file.sealing[0] as Json)["privateKey"],
};

function keyOf(file: RingFile): Json {
  return file.keyset.key[0] as Json;
}
function dataOf(file: RingFile): Json {
  return keyOf(file)["keyData"] as Json;
}
function protoKey(prefixHex: string): string {
  return Buffer.from(prefixHex + "cd".repeat(32), "hex").toString("base64");
}

for (const [what, spoil] of Object.entries(faulty)) {
  test(`refuses ${what}, saying where and showing nothing`, () => {
    const ring = ringOf(root(256));
    const file = JSON.parse(serializeKeyRing(ring)) as RingFile;
    spoil(file);
    const text = JSON.stringify(file);
    assert.throws(
      () => parseKeyRing(text),
      (error: MasklineError) => {
        assert.equal(error.code, "keyring_malformed");
        assert.match(error.message, /should be .+, found .+/u);
        const secrets = [ring.primary.key.export(), ring.sealing[0]?.privateKey?.export() ?? Buffer.alloc(0)];
        for (const spelling of secrets.flatMap(spellings)) assert.ok(!spelling || !inspect(error).includes(spelling));
        return true;
      },
    );
  });
}

test("refuses what is no JSON without quoting it", () => {
  for (const text of ["", "secret-key-text", "[]", "null", "1", '"text"', "{}"]) {
    assert.throws(
      () => parseKeyRing(text),
      (error: MasklineError) => error.code === "keyring_malformed" && !inspect(error).includes("secret-key-text"),
    );
  }
});
