import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import { createKeyRingFile, readKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/ring.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { failed, jsonError, succeeded } from "./expect.ts";

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(async () => servers?.stop());

/** A workspace with messages waiting, and its ring's first key. */
async function loading(t: TestContext): Promise<{ readonly place: Workspace; readonly first: number }> {
  const place = await openWorkspace(servers);
  t.after(() => place.close());
  await place.send([...sampleEvents({ count: 60, seed: 3 })].map(({ body }) => body));
  return { place, first: (await ringOf(place)).primaryId };
}

const ringOf = (place: Workspace): Promise<KeyRing> => readKeyRingFile(path.join(place.folder, "keyring.json"));

const states = async ({ database }: Workspace): Promise<readonly unknown[]> =>
  (await database.query("looking", "SELECT state FROM maskline.ring_key WHERE kind = 'root' ORDER BY position")).map(
    ({ state }) => state,
  );

suite("a key that something uses is kept", () => {
  test("destroyed after it was disabled in the ring alone: who writes with it is found, and it is closed", async (t) => {
    const { place, first } = await loading(t);
    await copyFile(path.join(place.folder, "keyring.json"), path.join(place.folder, "old.json"));
    const left = startMaskline(place.folder, ["run", "--set", "keyring=file:./old.json"]);
    t.after(() => left.kill("SIGKILL"));
    while ((await countRows(place.database, "user_logins")) < 50) await pause(20);
    succeeded(await place.maskline("keys", "rotate"));
    succeeded(await place.maskline("keys", "disable", String(first), "--offline"));
    await place.database.query("emptying", "DELETE FROM user_logins");
    const refused = jsonError(await place.maskline("keys", "destroy", String(first), "--yes", "--json"));
    assert.equal(refused.code, "key_in_use");
    assert.match(refused.details.join(), /^run \S+ of pipeline public.user_logins writes with key/);
    assert.deepEqual(await states(place), ["open", "open"]);
    left.kill("SIGTERM");
    await left.finished;
    await place.database.query("emptying", "DELETE FROM user_logins");
    succeeded(await place.maskline("keys", "destroy", String(first), "--yes"));
    assert.deepEqual(await states(place), ["destroyed", "open"]);
  });
});

suite("a ring that is not the one of the database", () => {
  test("is changed by no command, and leaves nothing in the database", async (t) => {
    const { place, first } = await loading(t);
    succeeded(await place.maskline("run", "--max-messages", "50"));
    const columns = await countRows(place.database, "maskline.token_column");
    const wrong = createKeyRing(randomBytes);
    await createKeyRingFile(path.join(place.folder, "wrong.json"), wrong);
    // as after an upgrade: rows and definitions are there, the ring is not known yet
    await place.database.query("clearing", "TRUNCATE maskline.ring_key");
    for (const change of [["rotate"], ["rotate", "--sealing"], ["rekey"]]) {
      failed(await place.maskline("keys", ...change, "--set", "keyring=file:./wrong.json"), {
        code: "key_mismatch",
        says: /has tokens of key \d+, which this key ring does not hold/,
        next: /use the key ring those rows were masked with/,
      });
    }
    succeeded(await place.maskline("keys", "rotate", "--offline", "--set", "keyring=file:./wrong.json"));
    for (const change of [["disable"], ["destroy", "--yes"], ["enable"]]) {
      // what can be refused without a look at the database, is
      if (change[0] === "destroy") {
        succeeded(
          await place.maskline("keys", "disable", String(wrong.primaryId), "--offline", "--set", "keyring=file:./wrong.json"),
        );
      }
      failed(await place.maskline("keys", ...change, String(wrong.primaryId), "--set", "keyring=file:./wrong.json"), {
        code: "key_mismatch",
        says: /has tokens of key/,
        next: /use the key ring/,
      });
    }
    assert.deepEqual(await states(place), []);
    assert.equal(await countRows(place.database, "maskline.token_column"), columns);
    succeeded(await place.maskline("keys", "rotate"));
    assert.match(
      jsonError(await place.maskline("keys", "disable", String(first), "--json")).details.join(),
      /column masked_ip, hold tokens/,
    );
  });

  test("a copy of it that lacks a key is not changed: neither its sealing keys nor its roots", async (t) => {
    const { place, first } = await loading(t);
    const file = path.join(place.folder, "keyring.json");
    succeeded(await place.maskline("keys", "rotate"));
    succeeded(await place.maskline("keys", "rotate", "--sealing"));
    const [current, firstSealing] = (await ringOf(place)).sealing;
    assert.ok(current !== undefined && firstSealing !== undefined);
    await copyFile(file, path.join(place.folder, "copy.json"));
    succeeded(await place.maskline("keys", "rotate"));
    const behind = ["--set", "keyring=file:./copy.json"];
    for (const change of [
      ["rotate", "--sealing"],
      ["enable", String(first)],
      ["destroy", String(firstSealing.id), "--yes"],
    ]) {
      failed(await place.maskline("keys", ...change, ...behind), {
        code: "key_retired",
        says: /the database knows key \d+ of it, and this copy does not/,
        next: /copy it from there/,
      });
    }
    const text = await readFile(place.file, "utf8");
    await writeFile(place.file, text.replace(/^keyring: .*$/m, "keyring: file:./copy.json"));
    succeeded(await place.maskline("keys", "rotate", "--sealing", "--offline"));
  });
});
