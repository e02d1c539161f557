import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { format, inspect } from "node:util";

import { MasklineError } from "../../src/errors.ts";
import { parseAnyRing, requireRoots } from "../../src/keys/any-ring.ts";
import { KeyRing, serializeKeyRing } from "../../src/keys/ring.ts";
import { openSealingContext, unseal } from "../../src/keys/sealing.ts";
import { parseWriterRing, serializeWriterRing } from "../../src/keys/writer-ring-file.ts";
import { type KeyDemand, WriterKeyRing, writerRingOf } from "../../src/keys/writer-ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, type Mask } from "../../src/masks/mask.ts";
import { maskDefinition } from "../masks/masks.ts";
import { newRing, ringOf, root, spellings } from "./rings.ts";

const full = ringOf(root(0x100), root(0x200), root(0x300, "DISABLED"), root(0x400, "DESTROYED"));
const demands: readonly KeyDemand[] = [
  { kind: "siv", domain: "login.ip", pinned: null },
  { kind: "hmac", domain: "login.device", pinned: 0x200 },
  { kind: "ipcrypt", domain: "login.inet", pinned: 0x100 },
];
const writer = writerRingOf(full, demands);

/** Written and read again: what a pipeline has. */
const read = parseWriterRing(serializeWriterRing(writer));

const values = ["203.0.113.77", "", "593-47-5928"];

function maskOf(ring: KeyRing | WriterKeyRing, { kind, domain, pinned }: KeyDemand): Mask {
  return createMask(maskDefinition({ kind, domain }), ring.domainKeys(kind, domain, pinned));
}

test("masks as the full ring does, and opens the tokens of every enabled root where it has to know them", () => {
  for (const demand of demands.slice(0, 2)) {
    assert.deepEqual(maskOf(read, demand).apply(values), maskOf(full, demand).apply(values));
  }
  const turned = new KeyRing(0x200, full.roots, full.sealing);
  const [siv] = demands as readonly [KeyDemand];
  const mask = maskOf(read, siv);
  assert.ok(canOpen(mask));
  for (const ring of [full, turned]) {
    assert.deepEqual(
      mask.open(maskOf(ring, siv).apply(values).map(String)),
      values.map((value) => ({ value })),
    );
  }
});

test("holds the keys of all enabled roots for siv, and one key for a mask whose tokens do not say theirs", () => {
  assert.deepEqual(read.toJSON(), {
    primaryId: 0x100,
    keys: full.keys,
    domains: [
      { kind: "siv", domain: "login.ip", keyId: 0x100 },
      { kind: "siv", domain: "login.ip", keyId: 0x200 },
      { kind: "hmac", domain: "login.device", keyId: 0x200 },
      { kind: "ipcrypt", domain: "login.inet", keyId: 0x100 },
    ],
    sealing: full.sealing.map(({ id }) => ({ id, opens: false })),
  });
  for (const { kind, domain, pinned } of demands) {
    assert.deepEqual(read.domainKeys(kind, domain, pinned).primary, full.domainKeys(kind, domain, pinned).primary);
  }
});

test("has the check values of its keys, as the full ring gives them", () => {
  for (const { kind, domain } of demands) {
    const checks = read.checkValues(kind, domain);
    assert.ok(checks.length > 0);
    for (const check of checks) assert.ok(full.checkValues(kind, domain).some((one) => inspect(one) === inspect(check)));
  }
});

test("holds no root, no private sealing key and no key of a root that is not enabled", () => {
  const text = serializeWriterRing(writer);
  const secrets = [
    ...full.roots.flatMap((one) => (one.status === "DESTROYED" ? [] : [one.key.export()])),
    ...full.sealing.flatMap(({ privateKey }) => (privateKey === null ? [] : [privateKey.export()])),
  ];
  assert.equal(secrets.length, 4);
  for (const spelling of secrets.flatMap(spellings)) assert.ok(!text.includes(spelling));
  for (const one of read.sealing) assert.equal(one.privateKey, null);
});

test("seals for the full ring, and opens nothing itself", async () => {
  const [current] = read.sealing;
  assert.ok(current);
  const sealed = await (await openSealingContext(current)).seal(Buffer.from("body"), ["place"]);
  assert.equal(Buffer.from(await unseal(full.sealing, sealed, ["place"])).toString(), "body");
  await assert.rejects(unseal(read.sealing, sealed, ["place"]), { failure: "unknown_key" });
});

test("refuses what it was not made for, and says how to get it", () => {
  const asks: readonly (readonly [...Parameters<WriterKeyRing["domainKeys"]>, code: string])[] = [
    ["siv", "login.other", null, "key_not_exported"],
    ["hmac", "login.ip", null, "key_not_exported"],
    ["hmac", "login.device", 0x100, "key_not_exported"],
    ["hmac", "login.device", null, "key_not_exported"],
    ["hmac", "login.device", 0x300, "key_unknown"],
    ["hmac", "login.device", 0x400, "key_unknown"],
    ["hmac", "login.device", 0x999, "key_unknown"],
  ];
  for (const [kind, domain, pinned, code] of asks) {
    assert.throws(
      () => read.domainKeys(kind, domain, pinned),
      (error: unknown) => error instanceof MasklineError && error.code === code && error.next !== undefined,
      `${kind} ${domain} ${String(pinned)}`,
    );
  }
});

test("is not made for a key that is not enabled", () => {
  for (const pinned of [0x300, 0x400, 0x999]) {
    assert.throws(() => writerRingOf(full, [{ kind: "hmac", domain: "d", pinned }]), { code: "key_unknown" });
  }
});

test("without a keyed mask it still seals", () => {
  const ring = parseWriterRing(serializeWriterRing(writerRingOf(full, [])));
  assert.deepEqual(ring.toJSON().domains, []);
  assert.equal(ring.sealing.length, 1);
});

test("what is written is read again, byte for byte", () => {
  const text = serializeWriterRing(writer);
  assert.equal(serializeWriterRing(parseWriterRing(text)), text);
});

test("either format is read for what it is, and only a full ring has roots", () => {
  const fullText = serializeKeyRing(full);
  assert.equal(serializeKeyRing(requireRoots(parseAnyRing(fullText))), fullText);
  const other = parseAnyRing(serializeWriterRing(writer));
  assert.ok(other instanceof WriterKeyRing);
  assert.throws(() => requireRoots(other), { code: "keyring_rootless", message: /writer's key ring/u });
  for (const text of ["", "null", "[]", '"maskline-writer-keyring"', '{"format":"maskline"}']) {
    assert.throws(() => parseAnyRing(text), { code: "keyring_malformed" });
  }
});

test("shows no key, however it is printed", () => {
  const secrets = read.derived.map(({ key }) => key.export());
  assert.equal(secrets.length, 4);
  const deep = { depth: 20, showHidden: true, getters: true, customInspect: false } as const;
  const printed = [
    inspect(read),
    inspect(read, deep),
    inspect({ read, derived: read.derived.map(({ key }) => key) }, deep),
    format("%s %o %O %j", read, read, read, read),
    JSON.stringify([read, read.sealing]),
    inspect(Object.entries(read), deep),
  ];
  for (const text of printed) {
    for (const spelling of secrets.flatMap(spellings)) assert.ok(!text.includes(spelling));
  }
});

test("no changed character is read as another ring", () => {
  const text = serializeWriterRing(writerRingOf(newRing(), [{ kind: "siv", domain: "d", pinned: null }]));
  let refused = 0;
  for (let at = 0; at < text.length; at += 1) {
    const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
    assert.throws(() => parseAnyRing(changed), { code: "keyring_malformed" }, `character ${at}`);
    refused += 1;
  }
  assert.ok(refused > 500);
});

type Json = Record<string, unknown>;
interface WriterFile extends Json {
  keys: Json[];
  derived: Json[];
  sealing: Json[];
}

const faulty: Readonly<Record<string, (file: WriterFile) => unknown>> = {
  "a newer version": (file) => (file["version"] = 2),
  "a further member": (file) => (file["comment"] = "x"),
  "no keys": (file) => (file.keys.length = 0),
  "no sealing key": (file) => (file.sealing.length = 0),
  "a private sealing key": (file) => ((file.sealing[0] as Json)["privateKey"] = Buffer.alloc(32, 9).toString("base64")),
  "a short public key": (file) => ((file.sealing[0] as Json)["publicKey"] = Buffer.alloc(31, 9).toString("base64")),
  "two sealing keys of one id": (file) => file.sealing.push({ ...file.sealing[0] }),
  "a primary that is not there": (file) => (file["primaryKeyId"] = 0x900),
  "a primary that is disabled": (file) => (file["primaryKeyId"] = 0x300),
  "two roots that tokens could not tell apart": (file) => file.keys.push({ id: 0x101, status: "ENABLED" }),
  "a key of a root that is not there": (file) => (derivedOf(file)["keyId"] = 0x900),
  "a key of a disabled root": (file) => (derivedOf(file)["keyId"] = 0x300),
  "two keys for one domain and root": (file) => file.derived.push({ ...file.derived[0] }),
  "a key that is too short for its kind": (file) => (derivedOf(file)["key"] = Buffer.alloc(32, 9).toString("base64")),
  "an unkeyed kind": (file) => (derivedOf(file)["kind"] = "redact"),
  "an unknown kind": (file) => (derivedOf(file)["kind"] = "rot13"),
  "an empty domain": (file) => (derivedOf(file)["domain"] = ""),
  "a domain no contract can have": (file) => (derivedOf(file)["domain"] = "d".repeat(201)),
  "a check value that is too long": (file) => (derivedOf(file)["check"] = Buffer.alloc(17).toString("base64")),
  "a missing key": (file) => delete derivedOf(file)["key"],
};

function derivedOf(file: WriterFile): Json {
  return file.derived[0] as Json;
}

for (const [what, spoil] of Object.entries(faulty)) {
  test(`refuses ${what}, saying where and showing nothing`, () => {
    const { digest: _digest, ...file } = JSON.parse(serializeWriterRing(writer)) as WriterFile;
    spoil(file);
    // with the digest of what is there: it must not be the digest alone that notices
    const digest = createHash("sha256").update(JSON.stringify(file)).digest("base64");
    assert.throws(
      () => parseAnyRing(JSON.stringify({ ...file, digest })),
      (error: MasklineError) => {
        assert.equal(error.code, "keyring_malformed");
        assert.match(error.message, /should be .+, found .+/u);
        assert.doesNotMatch(error.message, /^key ring: digest/u);
        for (const spelling of writer.derived.flatMap(({ key }) => spellings(key.export()))) {
          assert.ok(!inspect(error).includes(spelling));
        }
        return true;
      },
    );
  });
}

test("a digest that was made anew is taken: it finds damage, not a forger", () => {
  const { digest, ...file } = JSON.parse(serializeWriterRing(writer)) as WriterFile;
  assert.equal(createHash("sha256").update(JSON.stringify(file)).digest("base64"), digest);
});

test("for a vault it holds what hashes subjects, under the keys of its tokens and no others", () => {
  const vaults: readonly KeyDemand[] = [
    { kind: "vault", domain: "login.ip", pinned: 0x200 },
    { kind: "vault", domain: "login.device", pinned: 0x200 },
  ];
  const text = serializeWriterRing(writerRingOf(full, vaults));
  const kept = parseWriterRing(text);
  assert.deepEqual(
    kept.subjects.map(({ keyId }) => keyId),
    [0x200],
  );
  assert.deepEqual(Buffer.from(kept.subjectKey(0x200)), Buffer.from(full.subjectKey(0x200)));
  assert.notDeepEqual(Buffer.from(full.subjectKey(0x100)), Buffer.from(full.subjectKey(0x200)));
  assert.throws(() => kept.subjectKey(0x100), { code: "key_not_exported" });
  assert.throws(() => read.subjectKey(0x100), { code: "key_not_exported" });
  assert.throws(() => full.subjectKey(0x300), { code: "key_unknown" }, "a disabled root hashes nobody");
  for (const spelling of kept.subjects.flatMap(({ key }) => spellings(key.export())))
    assert.ok(!inspect(kept).includes(spelling) && !JSON.stringify(kept).includes(spelling));
  assert.throws(() => parseWriterRing(text.replace('"keyId": 512,\n      "key": "', '"keyId": 512,\n      "key": "A')), {
    code: "keyring_malformed",
  });
  assert.ok(!serializeWriterRing(writer).includes("subjects"), "the ring of a contract without a vault is what it was");
});
