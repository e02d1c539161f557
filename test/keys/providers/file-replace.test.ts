import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { fileStore } from "../../../src/keys/providers/file.ts";
import { startNode } from "../../harness/workspace.ts";

const program = path.join(import.meta.dirname, "kill-at-step.ts");
const [oldText, newText] = ["the old ring, whole and long enough", "the new ring, whole and long enough"];

let folder = "";
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "maskline-replace-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});

async function place(): Promise<string> {
  const file = path.join(await mkdtemp(path.join(folder, "ring-")), "keyring.json");
  await writeFile(file, oldText, { mode: 0o600 });
  return file;
}

/** What is in the file after the process was killed before each of its steps in turn, until it runs through. */
async function killedAtEveryStep(way: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let step = 0; ; step += 1) {
    assert.ok(step < 100, "it ends");
    const file = await place();
    const { signal, code, stderr } = await startNode(folder, [program, way, String(step), file, oldText, newText]).finished;
    found.push(await readFile(file, "utf8"));
    if (signal !== "SIGKILL") {
      assert.equal(code, 0, stderr);
      return found;
    }
    // who comes next is told what to do, and can go on
    const next = fileStore(file);
    const [here, leftOver] = [await next.read(), (await readdir(path.dirname(file))).includes("keyring.json.new")];
    if (leftOver) {
      await assert.rejects(next.replace("a third ring", here), {
        code: "keyring_unwritable",
        message: /is being changed, or a change of it was cut off/,
        next: `if no other maskline changes keys now, rm ${file}.new and try again; the ring itself is whole`,
      });
      await rm(`${file}.new`);
    }
    await next.replace("a third ring", here);
    assert.equal(await next.read(), "a third ring");
  }
}

test("whenever a change is killed, the old ring or the new one is there, whole", async () => {
  const found = await killedAtEveryStep("store");
  assert.ok(found.length > 10, "there were steps to be killed at");
  assert.deepEqual(
    found.filter((text) => text !== oldText && text !== newText),
    [],
  );
  assert.deepEqual([found[0], found.at(-1)], [oldText, newText]);
});

test("the killing finds what writes into the file that is there", async () => {
  const broken = path.join(folder, "in-place.json");
  const found: string[] = [];
  for (const step of [1, 2]) {
    await writeFile(broken, oldText, { mode: 0o600 });
    await startNode(folder, [program, "in place", String(step), broken, oldText, newText]).finished;
    found.push(await readFile(broken, "utf8"));
  }
  assert.deepEqual(found, [newText.slice(0, 20), newText]);
});

test("a link stays a link: what it points to is replaced, and stays its owner's alone", async () => {
  const file = await place();
  const link = path.join(path.dirname(file), "link.json");
  await symlink("keyring.json", link);
  await chmod(file, 0o400);
  await fileStore(link).replace(newText, oldText);
  assert.equal(await readlink(link), "keyring.json");
  assert.equal(await readFile(file, "utf8"), newText);
  assert.equal((await stat(file)).mode & 0o777, 0o400);
  assert.deepEqual((await readdir(path.dirname(file))).sort(), ["keyring.json", "link.json"]);
});

test(
  "root may change another user's ring, who can still read it",
  {
    skip: process.getuid?.() === 0 ? false : "only root can have another's ring",
  },
  async () => {
    const file = await place();
    const { chown } = await import("node:fs/promises");
    await chown(file, 12_345, 12_346);
    await fileStore(file).replace(newText, oldText);
    const { uid, gid, mode } = await stat(file);
    assert.deepEqual([uid, gid, mode & 0o777], [12_345, 12_346, 0o600]);
  },
);

test("a ring that others can read is not replaced either, and nothing is left beside it", async () => {
  const file = await place();
  await chmod(file, 0o644);
  await assert.rejects(fileStore(file).replace(newText, oldText), { code: "keyring_exposed" });
  assert.deepEqual(await readdir(path.dirname(file)), ["keyring.json"]);
  assert.equal(await readFile(file, "utf8"), oldText);
});
