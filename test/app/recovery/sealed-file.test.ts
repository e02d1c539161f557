import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";

import { createSealedFile, openSealedFile } from "../../../src/app/recovery/sealed-file.ts";
import { refused } from "../../harness/refused.ts";

interface Place {
  readonly file: string;
  readonly recipient: string;
  readonly identity: string;
}

/** A folder with somebody's key pair in it, gone when the test ends. */
async function place(t: TestContext): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-sealed-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const [recipient, identity] = [path.join(folder, "recipient.pem"), path.join(folder, "identity.pem")];
  await writeFile(recipient, publicKey.export({ format: "pem", type: "spki" }));
  await writeFile(identity, privateKey.export({ format: "pem", type: "pkcs8" }));
  return { file: path.join(folder, "sealed"), recipient, identity };
}

async function opened(file: string, identity: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of openSealedFile(file, identity)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test("what is written comes out for the recipient, however much it is, and only the owner may read the file", async (t) => {
  const { file, recipient, identity } = await place(t);
  const texts = Array.from({ length: 3_000 }, (_, index) => `${"CANARY".repeat(index % 60)} ${index}\n`);
  const sealed = await createSealedFile(file, recipient);
  for (const text of texts) await sealed.write(text);
  await sealed.finish();
  assert.ok(texts.join("").length > 5 * 65_536, "several parts");
  assert.equal(await opened(file, identity), texts.join(""));
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok(!(await readFile(file)).includes("CANARY"));
});

test("an empty file opens as such", async (t) => {
  const { file, recipient, identity } = await place(t);
  await (await createSealedFile(file, recipient)).finish();
  assert.equal(await opened(file, identity), "");
});

test("nothing is overwritten, and what is discarded is gone", async (t) => {
  const { file, recipient } = await place(t);
  const sealed = await createSealedFile(file, recipient);
  await refused(createSealedFile(file, recipient), "file_exists");
  await sealed.write("a value");
  await sealed.discard();
  assert.ok(!existsSync(file));
});

test("a key that is none, and a file that is none, are told before anything is written", async (t) => {
  const { file, recipient, identity } = await place(t);
  await refused(createSealedFile(file, path.join(path.dirname(file), "nobody.pem")), "usage");
  await writeFile(`${file}.txt`, "no key");
  await refused(createSealedFile(file, `${file}.txt`), "usage");
  await refused(createSealedFile(file, "00".repeat(32)), "usage");
  assert.ok(!existsSync(file));
  await refused(opened(file, identity), "file_unreadable");
  await refused(opened(`${file}.txt`, identity), "file_unreadable");
  await refused(opened(`${file}.txt`, recipient), "usage");
});
