import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { type Around, faultsOf, load, oneColumn } from "../../harness/configuration.ts";

const arn = "arn:aws:kms:eu-west-1:123456789012:key/8b1e7e6a-0000-4000-8000-000000000000";

function keyringOf(line: string, around: Around = {}): unknown {
  return load(`${line}\n${oneColumn}`, around).options.keyring;
}

function faults(line: string, around: Around = {}): readonly string[] {
  return faultsOf(`${line}\n${oneColumn}`, around);
}

suite("keyring", () => {
  test("a text is short for a group with from alone", () => {
    assert.deepEqual(keyringOf("keyring: file:./k.json"), { from: "file:./k.json" });
    assert.deepEqual(keyringOf("keyring: { from: file:./k.json }"), { from: "file:./k.json" });
    assert.equal(keyringOf(""), undefined);
  });

  test("every place it can be in is named by its scheme", () => {
    for (const from of [
      "file:/etc/k.json",
      "env:RING_1",
      "aws-secretsmanager:prod/ring",
      `aws-secretsmanager:${arn.replace("kms", "secretsmanager")}`,
      "aws-ssm:/prod/ring",
      "aws-kms:./k.json",
    ]) {
      assert.deepEqual(keyringOf(`keyring: ${from}`), { from });
    }
    for (const from of [
      "./k.json",
      "file:",
      "env:",
      "env:A-B",
      "env:1",
      "aws-ssm:ring",
      "aws-ssm:",
      "vault:x",
      "FILE:x",
      "aws-secretsmanager:a b",
    ]) {
      const [fault = "", ...more] = faults(`keyring: "${from}"`);
      assert.deepEqual(more, []);
      assert.ok(fault.startsWith(`maskline.yaml:1  keyring.from  found "${from}"; needed: file:./keyring.json`), fault);
    }
  });

  test("whatever sets the text leaves the rest of the group as it is, in any order", () => {
    const line = "keyring: { from: file:./a.json, passphrase_file: ./p }";
    const expected = { from: "file:./b.json", passphrase_file: "./p" };
    for (const variable of ["MASKLINE_KEYRING", "MASKLINE_KEYRING_FROM"]) {
      assert.deepEqual(keyringOf(line, { environment: { [variable]: "file:./b.json" } }), expected);
    }
    for (const name of ["keyring", "keyring.from"])
      assert.deepEqual(keyringOf(line, { overrides: [`${name}=file:./b.json`] }), expected);
    const both = { MASKLINE_KEYRING_PASSPHRASE: "secret", MASKLINE_KEYRING: "env:RING" };
    for (const environment of [both, Object.fromEntries(Object.entries(both).reverse())]) {
      assert.deepEqual(keyringOf("", { environment }), { from: "env:RING", passphrase: "secret" });
      assert.deepEqual(keyringOf("keyring: file:./a.json", { environment }), { from: "env:RING", passphrase: "secret" });
    }
  });

  test("a text from the environment is set over, and not shown where it is wrong", () => {
    const line = "keyring: ${RING}";
    assert.deepEqual(keyringOf(line, { environment: { RING: "file:./a.json" } }), { from: "file:./a.json" });
    assert.deepEqual(keyringOf(line, { environment: { MASKLINE_KEYRING: "file:./b.json" } }), { from: "file:./b.json" });
    assert.match(faults(line).join("\n"), /^maskline\.yaml:1 {2}keyring\.from {2}\$\{RING\}: the environment has no RING/);
    for (const written of [line, 'keyring: { from: "${RING}" }']) {
      assert.match(
        faults(written, { environment: { RING: "canary-4711" } }).join("\n"),
        /^maskline\.yaml:1 {2}keyring\.from {2}found the value given;/,
      );
    }
  });

  test("a passphrase is never taken from argv, and never shown", () => {
    assert.match(
      faults("keyring: file:./a.json", { overrides: ["keyring.passphrase=canary-4711"] }).join("\n"),
      /^--set keyring\.passphrase {2}is a secret and may not stand on a command line: use MASKLINE_KEYRING_PASSPHRASE/,
    );
    for (const written of ["[canary-4711]", "{ canary-4711: 1 }", '""', "4711"]) {
      const shown = faults(`keyring: { from: file:./a.json, passphrase: ${written} }`);
      assert.equal(shown.length, 1, written);
      assert.ok(!shown.join().includes("4711"), shown.join());
    }
  });

  test("a ring is wrapped in one way", () => {
    const one = (options: string): readonly string[] => faults(`keyring: { from: file:./a.json, ${options} }`);
    assert.deepEqual(one("passphrase: p, passphrase_file: f"), [
      "maskline.yaml:1  keyring.passphrase_file  does not go with passphrase: a ring is wrapped in one way",
    ]);
    assert.deepEqual(one("passphrase: p, kms_key: alias/a"), [
      "maskline.yaml:1  keyring.kms_key  does not go with passphrase: a ring is wrapped in one way",
    ]);
    assert.match(faults("keyring: { from: aws-kms:./a.json, passphrase: p }").join("\n"), /does not go with aws-kms:/);
    assert.deepEqual(faults("keyring: { from: aws-kms:./a.json, kms_key: alias/a }"), []);
  });

  test("a KMS key is an ARN, an id or an alias", () => {
    for (const key of [
      arn,
      arn.replace("key/", "alias/"),
      "alias/maskline/prod",
      "8b1e7e6a-0000-4000-8000-000000000000",
      "mrk-8b1e7e6a",
    ]) {
      assert.deepEqual(faults(`keyring: { from: file:./a.json, kms_key: "${key}" }`), [], key);
    }
    for (const key of ["", "alias/", "a b", "arn:aws:s3:::bucket", `${arn} x`]) {
      assert.equal(faults(`keyring: { from: file:./a.json, kms_key: "${key}" }`).length, 1, key);
    }
  });

  test("keys cross a network encrypted only", () => {
    const one = (endpoint: string): readonly string[] => faults(`keyring: { from: aws-ssm:/a, endpoint: "${endpoint}" }`);
    for (const endpoint of [
      "https://kms.example.com",
      "http://127.0.0.1:5000",
      "http://localhost:4566/",
      "http://moto:5000",
      "http://[::1]:5000",
    ]) {
      assert.deepEqual(one(endpoint), [], endpoint);
    }
    for (const endpoint of ["http://kms.example.com", "http://10.0.0.1:5000"])
      assert.match(one(endpoint).join("\n"), /in the clear/, endpoint);
    assert.match(one("https://:99999").join("\n"), /is not a URL/);
    for (const endpoint of ["kms.example.com", "https://u:p@kms.example.com", "https://host/path"])
      assert.equal(one(endpoint).length, 1, endpoint);
  });

  test("what is no option of it is told", () => {
    assert.deepEqual(faults("keyring: { from: file:./a.json, pasphrase: p }"), [
      "maskline.yaml:1  keyring.pasphrase  unknown option; did you mean passphrase?",
    ]);
    assert.match(faults("keyring: { passphrase: p }").join("\n"), /keyring\.from {2}is missing: file:/);
    assert.match(faults("keyring: 5").join("\n"), /keyring {2}found 5; allowed: a text or a group of options/);
    assert.match(faults("keyring: { from: file:./a.json, expect: XYZ }").join("\n"), /keyring\.expect/);
    assert.deepEqual(faults(`keyring: { from: file:./a.json, expect: ${"0a".repeat(32)} }`), []);
  });
});
