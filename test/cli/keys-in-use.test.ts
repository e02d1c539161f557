import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/ring.ts";
import { countRows } from "../harness/login-table.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
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

suite("how a use of a key ends", () => {
  test("rows are rekeyed; tokens that do not say their key need it until their column is dropped", async (t) => {
    const { place, first } = await loading(t);
    const pinned = (await readFile(place.file, "utf8")).replace(
      "columns:",
      `columns:\n  network: { from: ip, type: ip, mask: { kind: hmac, domain: login.network, key: ${first} } }`,
    );
    const plain = await readFile(place.file, "utf8");
    await writeFile(place.file, pinned);
    await place.database.query("adding", "ALTER TABLE user_logins ADD network text");
    succeeded(await place.maskline("run", "--max-messages", "50"));
    succeeded(await place.maskline("keys", "rotate"));
    const disable = ["keys", "disable", String(first)];
    failed(await place.maskline(...disable), { code: "key_in_use", says: /names it: key/, next: /keep this key/ });
    await writeFile(place.file, plain);
    const both = await place.maskline(...disable);
    failed(both, { code: "key_in_use", says: /do not say so/, next: /keys rekey.*; keep this key: .* column is dropped/ });
    succeeded(await place.maskline("keys", "rekey"));
    const pins = await place.maskline(...disable);
    failed(pins, { code: "key_in_use", says: /column network, were made with key/, next: /keep this key/ });
    assert.doesNotMatch(pins.stderr, /keys rekey/, "which could not help");
    await place.database.query("dropping", "ALTER TABLE user_logins DROP network");
    succeeded(await place.maskline(...disable));
  });
});

suite("another schema of the same database", () => {
  test("counts too: a key is not disabled while it is in use there, nor while that cannot be known", async (t) => {
    const { place, first } = await loading(t);
    const two = ["--config", "two.yaml"];
    const text = await readFile(place.file, "utf8");
    const other = text.replace(/table: .*$/m, "table: public.two\n    schema: maskline_two");
    assert.notEqual(other, text);
    await writeFile(path.join(place.folder, "two.yaml"), other, { mode: 0o600 });
    await place.database.query("creating", "CREATE TABLE two (LIKE user_logins INCLUDING ALL)");
    succeeded(await place.maskline("migrate", ...two));
    succeeded(await place.maskline("run", "--max-messages", "50", ...two));
    succeeded(await place.maskline("keys", "rotate"));
    succeeded(await place.maskline("keys", "rekey"));
    failed(await place.maskline("keys", "disable", String(first)), {
      code: "key_in_use",
      says: /schema "maskline_two" of this database has key \d+ in use: it is open there/,
      next: /keys rekey with the configuration of that schema/,
    });
    // as one of before rings were noted, right after its migration
    await place.database.query("forgetting", "TRUNCATE maskline_two.ring_key, maskline_two.token_column");
    failed(await place.maskline("keys", "disable", String(first)), {
      code: "key_in_use",
      says: /schema "maskline_two" .* where they are is not known/,
      next: /configuration of that schema/,
    });
    succeeded(await place.maskline("keys", "rekey", ...two));
    await place.database.query("creating", "CREATE ROLE narrow LOGIN PASSWORD 'narrow'");
    await place.database.query("granting", "GRANT USAGE ON SCHEMA maskline TO narrow");
    await place.database.query("granting", "GRANT ALL ON ALL TABLES IN SCHEMA maskline, public TO narrow");
    const narrow = text.replace(/postgres:\/\/\w+(:[^@]*)?@/, "postgres://narrow:narrow@");
    assert.notEqual(narrow, text);
    await writeFile(path.join(place.folder, "narrow.yaml"), narrow, { mode: 0o600 });
    failed(await place.maskline("keys", "disable", String(first), "--config", "narrow.yaml"), {
      code: "key_in_use",
      says: /schema "maskline_two" .* this user may not read it/,
      next: /as a user that may read it/,
    });
    succeeded(await place.maskline("keys", "disable", String(first)));
    succeeded(await place.maskline("keys", "destroy", String(first), "--yes"));
    // what is sealed there keeps its key too
    const sealing = (await ringOf(place)).sealing[0]?.id ?? 0;
    succeeded(await place.maskline("keys", "rotate", "--sealing"));
    assert.ok((await countRows(place.database, "maskline_two.quarantine")) > 0);
    const destroy = ["keys", "destroy", String(sealing), "--yes"];
    failed(await place.maskline(...destroy), {
      code: "key_in_use",
      says: /messages in the quarantine of schema "maskline_two" are sealed under it/,
      next: /quarantine list/,
    });
    const closed =
      "SELECT FROM maskline.ring_key WHERE kind = 'sealing' UNION ALL SELECT FROM maskline_two.ring_key WHERE kind = 'sealing'";
    assert.equal((await place.database.query("looking", closed)).length, 0, "sealed with as before");
    await place.database.query("locking away", "ALTER TABLE maskline.quarantine RENAME TO aside");
    assert.notEqual((await place.maskline(...destroy)).code, 0);
    assert.equal((await place.database.query("looking", closed)).length, 0, "after a failure too");
    await place.database.query("putting back", "ALTER TABLE maskline.aside RENAME TO quarantine");
    await place.database.query("clearing", "DELETE FROM maskline_two.quarantine");
    succeeded(await place.maskline(...destroy));
    assert.equal((await place.database.query("looking", closed)).length, 2);
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

suite("a key that is lost for good", () => {
  test("as anchor it stops everything, and says so, until it is given up; its rows stay as they are", async (t) => {
    const { place, first } = await loading(t);
    succeeded(await place.maskline("run", "--max-messages", "30"));
    succeeded(await place.maskline("keys", "rotate"));
    const lose = ["keys", "destroy", String(first), "--lost", "--yes"];
    failed(await place.maskline(...lose), { code: "key_in_use", says: /is not lost: the ring has it/, next: /keys rekey/ });
    succeeded(await place.maskline("keys", "disable", String(first), "--offline"));
    failed(await place.maskline(...lose), { code: "key_in_use", says: /is not lost/, next: /keys enable/ });
    const copy = await readFile(path.join(place.folder, "keyring.json"));
    succeeded(await place.maskline("keys", "destroy", String(first), "--offline", "--yes"));
    for (const command of [
      ["run", "--max-messages", "30"],
      ["keys", "rekey"],
    ]) {
      failed(await place.maskline(...command), {
        code: "key_unknown",
        says: /which is destroyed in this ring/,
        next: /keys destroy \d+ --lost goes on without it/,
      });
    }
    failed(await place.maskline("keys", "destroy", "4711", "--lost", "--yes"), {
      code: "key_unknown",
      says: /knows no key 4711/,
      next: /keys list/,
    });
    failed(await place.maskline(...lose, "--offline"), { code: "usage", says: /the ring alone/, next: /leave one/ });
    failed(await place.maskline(...lose.slice(0, -1)), { code: "usage", says: /no terminal/, next: /--yes/ });
    assert.deepEqual(await states(place), ["open", "open"]);
    const rows = await countRows(place.database, "user_logins");
    assert.match(succeeded(await place.maskline(...lose)).stderr, new RegExp(`^${rows} rows of .* masked_ip.* never open$`, "m"));
    assert.deepEqual(await states(place), ["destroyed", "open"]);
    succeeded(await place.maskline("run", "--max-messages", "30"));
    failed(await place.maskline("keys", "rekey"), {
      code: "rekey_unfinished",
      says: /tokens do not open and were left as they are/,
      next: /look at those rows/,
    });
    succeeded(await place.maskline("check", "--connect"));
    // a copy is found after all
    await writeFile(path.join(place.folder, "keyring.json"), copy, { mode: 0o600 });
    succeeded(await place.maskline("keys", "enable", String(first)));
    assert.deepEqual(await states(place), ["drained", "open"]);
    succeeded(await place.maskline("keys", "rekey"));
  });

  test("a ring that was restored without its newest key goes on once that is given up", async (t) => {
    const { place } = await loading(t);
    const file = path.join(place.folder, "keyring.json");
    const backup = await readFile(file);
    succeeded(await place.maskline("run", "--max-messages", "30"));
    succeeded(await place.maskline("keys", "rotate"));
    const { primaryId } = await ringOf(place);
    await writeFile(file, backup, { mode: 0o600 });
    failed(await place.maskline("keys", "rotate"), {
      code: "key_retired",
      says: /this copy does not/,
      next: new RegExp(`keys destroy ${primaryId} --lost`),
    });
    succeeded(await place.maskline("keys", "destroy", String(primaryId), "--lost", "--yes"));
    succeeded(await place.maskline("keys", "rotate"));
    succeeded(await place.maskline("run", "--max-messages", "30"));
    succeeded(await place.maskline("keys", "rekey"));
    assert.deepEqual(await states(place), ["drained", "destroyed", "open"]);
  });
});
