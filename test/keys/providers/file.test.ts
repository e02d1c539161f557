import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { createKeyRingFile } from "../../../src/keys/providers/file.ts";
import { serializeKeyRing } from "../../../src/keys/ring.ts";
import { readKeyRingFile } from "../../harness/ring-file.ts";
import { newRing } from "../rings.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "maskline-keyring-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});

const onWindows = process.platform === "win32" ? "Windows has no such modes" : false;

test("a ring written is the ring read, and its owner's alone", async () => {
  const file = path.join(folder, "new.json");
  const ring = newRing();
  await createKeyRingFile(file, ring);
  assert.equal(serializeKeyRing(await readKeyRingFile(file)), serializeKeyRing(ring));
  if (onWindows === false) assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test("a file that is there is never overwritten, nor one a link points to", async () => {
  const file = path.join(folder, "precious.json");
  const link = path.join(folder, "link.json");
  await writeFile(file, "precious", { mode: 0o600 });
  await symlink(file, link);
  await symlink(path.join(folder, "nowhere.json"), path.join(folder, "dangling.json"));
  for (const taken of [file, link, path.join(folder, "dangling.json")]) {
    await assert.rejects(createKeyRingFile(taken, newRing()), { code: "file_exists" });
  }
  assert.equal(await readFile(file, "utf8"), "precious");
  await assert.rejects(stat(path.join(folder, "nowhere.json")), { code: "ENOENT" });
});

test("a missing ring says how to make one", async () => {
  await assert.rejects(readKeyRingFile(path.join(folder, "missing.json")), {
    code: "keyring_missing",
    next: "maskline keys create",
  });
});

test("a ring in a folder that is not there is not made", async () => {
  await assert.rejects(createKeyRingFile(path.join(folder, "no", "ring.json"), newRing()), {
    code: "keyring_unwritable",
    message: /ENOENT/u,
  });
});

test("a folder is no ring", async () => {
  const privateFolder = await mkdtemp(path.join(folder, "folder-"));
  await assert.rejects(readKeyRingFile(privateFolder), { code: "keyring_missing", message: /EISDIR/u });
});

test("a ring that others can read is refused until it is closed to them", { skip: onWindows }, async () => {
  const file = path.join(folder, "exposed.json");
  await createKeyRingFile(file, newRing());
  for (const mode of [0o640, 0o604, 0o660, 0o601, 0o620]) {
    await chmod(file, mode);
    await assert.rejects(readKeyRingFile(file), { code: "keyring_exposed", next: `chmod 600 ${file}` }, mode.toString(8));
  }
  for (const mode of [0o600, 0o400]) {
    await chmod(file, mode);
    await readKeyRingFile(file);
  }
});

test("a file that is no ring is refused", async () => {
  const file = path.join(folder, "malformed.json");
  await writeFile(file, '{"format":"maskline-keyring","version":1}', { mode: 0o600 });
  await assert.rejects(readKeyRingFile(file), { code: "keyring_malformed", message: /keyset should be there, found nothing/u });
});
