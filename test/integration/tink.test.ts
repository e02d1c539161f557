import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";

import * as fc from "fast-check";

import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { KeyRing } from "../../src/keys/ring.ts";
import { tinkDeriverKeyset, tinkDomainKeyset } from "../../src/keys/tink-export.ts";
import { emptyFolder, maskline, succeeded } from "../cli/expect.ts";
import { type Tink, tinkInJava, tinks } from "../engines/tink.ts";
import { ringOf, root } from "../keys/rings.ts";
import { createReversible, maskDefinition } from "../masks/masks.ts";
import { readVectors, vectorsAbsent } from "../masks/published-vectors.ts";

/** Not only ASCII, and with what separates the parts of a derivation's text. */
const domains = { ip: "login.ip", text: "login.gerät/日本" } as const;
const config = `
keyring: file:./keyring.json
columns:
  ip:   { type: ip,   mask: { kind: siv, domain: ${domains.ip} } }
  text: { type: text, mask: { kind: siv, domain: ${domains.text} } }
`;

// ids up to the largest, whose sign Java has to get right
const roots = [root(0x7fff_fff0), root(0xffff_ffff), root(0x10), root(0x20, "DISABLED"), root(0x30, "DESTROYED")] as const;
const ring = ringOf(...roots);

/** A definition, values of its type, and the bytes that are masked of each, worked out apart from the code under test. */
const columns = [
  {
    definition: maskDefinition({ kind: "siv", domain: domains.ip, type: "ip", encode: "packed" }),
    values: [...fc.sample(fc.ipV4(), { numRuns: 200, seed: 1 }), "2001:db8::1"],
    bytes: (value: string): Buffer =>
      value.includes(":")
        ? Buffer.from("20010db8000000000000000000000001", "hex")
        : Buffer.from([...Buffer.alloc(10), 0xff, 0xff, ...value.split(".").map(Number)]),
  },
  {
    definition: maskDefinition({ kind: "siv", domain: domains.text, type: "text" }),
    values: [
      "",
      "593-47-5928",
      "x".repeat(1_000),
      ...fc.sample(fc.string({ unit: "binary", maxLength: 80 }), { numRuns: 200, seed: 2 }),
    ],
    bytes: (value: string): Buffer => Buffer.from(value),
  },
] as const;

/** What `maskline keys export --tink` prints for this ring. */
async function exported(t: TestContext, ...flags: readonly string[]): Promise<string> {
  const folder = await emptyFolder(t);
  await writeFile(path.join(folder, "maskline.yaml"), config);
  await createKeyRingFile(path.join(folder, "keyring.json"), ring);
  return succeeded(await maskline(folder, ["keys", "export", "--tink", ...flags])).stdout;
}

/** The ciphertexts behind the tokens of a column, masked while `primary` is the ring's primary. */
function tokensUnder(primary: number, { definition, values }: (typeof columns)[number]): Buffer[] {
  const turned = new KeyRing(primary, ring.roots, ring.sealing);
  const mask = createReversible(definition, turned.domainKeys("siv", definition.domain ?? ""));
  return mask.apply(values).map((token) => Buffer.from(token, "base64url"));
}

for (const tink of tinks) {
  suite(`${tink.name}, with the exported keys of a domain`, { skip: tink.missing ?? false }, () => {
    for (const column of columns) {
      const { definition, values, bytes } = column;
      test(`gives the same tokens of ${definition.type} and opens those of every enabled root`, async (t) => {
        const domain = definition.domain ?? "";
        const keyset = await exported(t, "--domain", domain);
        const plaintexts = values.map(bytes);
        const enabled = [roots[0], roots[1], roots[2]].map(({ id }) => tokensUnder(id, column));
        const { encrypted, decrypted } = await tink.ask({ keyset, associated: domain, plaintexts, ciphertexts: enabled.flat() });
        assert.deepEqual(encrypted, enabled[0]);
        assert.deepEqual(decrypted, [...plaintexts, ...plaintexts, ...plaintexts]);
      });
    }

    test("refuses altered tokens, tokens of another domain, and those of a disabled root", async (t) => {
      const [column] = columns;
      const keyset = await exported(t, "--domain", domains.ip);
      const [token = Buffer.alloc(0)] = tokensUnder(roots[0].id, column);
      const altered = [...token.keys()].map((at) => Buffer.from(token.map((byte, index) => (index === at ? byte ^ 1 : byte))));
      const disabled = tokensUnderDisabled(column.values[0]);
      const { decrypted } = await tink.ask({ keyset, associated: domains.ip, ciphertexts: [token, ...altered, disabled] });
      assert.deepEqual(decrypted, [column.bytes(column.values[0] ?? ""), ...altered.map(() => null), null]);
      const elsewhere = await tink.ask({ keyset, associated: domains.text, ciphertexts: [token] });
      assert.deepEqual(elsewhere.decrypted, [null]);
    });
  });
}

/** A token of the root that is disabled by now. */
function tokensUnderDisabled(value: string | undefined): Buffer {
  const [, , , disabled] = roots;
  const { key } = disabled as Extract<typeof disabled, { key: unknown }>;
  const before = ringOf({ id: disabled.id, status: "ENABLED", key });
  const mask = createReversible(columns[0].definition, before.domainKeys("siv", domains.ip));
  return Buffer.from(mask.apply([value ?? ""])[0] ?? "", "base64url");
}

suite(`${tinkInJava.name}, with the exported roots`, { skip: tinkInJava.missing ?? false }, () => {
  for (const column of columns) {
    const domain = column.definition.domain ?? "";
    test(`derives the keys of ${domain}, and with them the same tokens`, async (t) => {
      const [deriver, keyset] = await Promise.all([exported(t, "--root"), exported(t, "--domain", domain)]);
      const { values, bytes } = column;
      const enabled = [roots[0], roots[1], roots[2]].map(({ id }) => tokensUnder(id, column));
      const answer = await tinkInJava.ask({
        keyset: deriver,
        salt: `mask/v1/siv/${domain}`,
        associated: domain,
        plaintexts: values.map(bytes),
        ciphertexts: enabled.flat(),
      });
      assert.deepEqual(answer.encrypted, enabled[0]);
      assert.deepEqual(answer.decrypted, [...values, ...values, ...values].map(bytes));
      assert.deepEqual(JSON.parse(answer.keyset ?? ""), JSON.parse(keyset));
    });
  }

  const vectorsFile = "tink/prf_based_key_deriver_vectors.json";
  test("derives the key of Tink's own vector", { skip: vectorsAbsent(vectorsFile) }, async () => {
    interface DeriverVectors {
      readonly prfKey: string;
      readonly vectors: readonly {
        readonly input: string;
        readonly type: string;
        readonly idRequirement: number;
        readonly key: string;
      }[];
    }
    const { prfKey, vectors } = readVectors(vectorsFile) as DeriverVectors;
    const siv = vectors.filter(({ type }) => type === "AES256_SIV");
    assert.equal(siv.length, 1);
    for (const { input, idRequirement, key } of siv) {
      const deriver = tinkDeriverKeyset(ringOf(root(idRequirement, "ENABLED", Buffer.from(prfKey, "hex"))));
      const { keyset = "" } = await tinkInJava.ask({
        keyset: JSON.stringify(deriver),
        salt: Buffer.from(input, "hex").toString(),
        associated: "",
      });
      const derived = JSON.parse(keyset) as { key: readonly { keyId: number; keyData: { value: string } }[] };
      assert.deepEqual(
        derived.key.map(({ keyId, keyData }) => [keyId, Buffer.from(keyData.value, "base64").toString("hex")]),
        [[idRequirement, `1240${key}`]],
      );
    }
  });
});

test("the comparison notices another key", { skip: tinks[0]?.missing ?? false }, async () => {
  const [tink] = tinks as readonly [Tink];
  const [column] = columns;
  const other = ringOf(root(roots[0].id));
  const { encrypted, decrypted } = await tink.ask({
    keyset: JSON.stringify(tinkDomainKeyset(other, domains.ip)),
    associated: domains.ip,
    plaintexts: column.values.map(column.bytes),
    ciphertexts: tokensUnder(roots[0].id, column),
  });
  assert.notDeepEqual(encrypted, tokensUnder(roots[0].id, column));
  assert.ok(decrypted.every((one) => one === null));
});
