import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import { countRows } from "../harness/login-table.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, emptyFolder, failed, folderWith, jsonError, maskline, succeeded } from "./expect.ts";

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(async () => servers?.stop());

suite("a key from its making to its end", () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await openWorkspace(servers);
    await workspace.send([...sampleEvents({ count: 300, seed: 3 })].map(({ body }) => body));
  });
  after(async () => workspace?.close());

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(workspace.folder, args);
  const ring = (): Promise<KeyRing> => readKeyRingFile(path.join(workspace.folder, "keyring.json"));
  let first: number;
  let firstSealing: number;

  test("the only key of a ring is neither disabled nor destroyed", async () => {
    ({ primaryId: first } = await ring());
    firstSealing = (await ring()).sealing[0]?.id ?? 0;
    failed(await call("keys", "disable", String(first)), { code: "key_in_use", says: /is the primary/, next: /keys rotate/ });
    failed(await call("keys", "destroy", String(first), "--yes"), { code: "key_in_use", says: /primary/, next: /keys rotate/ });
    failed(await call("keys", "destroy", String(firstSealing), "--yes"), {
      code: "key_in_use",
      says: /is the current one/,
      next: /keys rotate --sealing/,
    });
    failed(await call("keys", "disable", "4711"), { code: "key_unknown", says: /has no key 4711/, next: /keys list/ });
    failed(await call("keys", "disable", "first"), { code: "usage", says: /takes the id of a key/, next: /keys list/ });
  });

  test("rotate adds a key that masks from now on; the dry run counts what is to be done and changes nothing", async () => {
    succeeded(await call("run", "--max-messages", "150"));
    const rotated = documentOf(succeeded(await call("keys", "rotate", "--json")));
    assert.deepEqual(rotated, { kind: "root", keyId: (await ring()).primaryId, before: first, announced: true });
    succeeded(await call("run", "--max-messages", "150"));
    const rows = await countRows(workspace.database, "user_logins");
    const plan = documentOf(succeeded(await call("keys", "rekey", "--dry-run", "--json"))) as {
      toKey: number;
      counts: { column: string; keyId: number; rows: number }[];
      replicas: unknown[];
    };
    assert.equal(plan.toKey, (await ring()).primaryId);
    assert.deepEqual(plan.replicas, []);
    for (const column of ["masked_ip", "masked_device_id"]) {
      const counts = plan.counts.filter((count) => count.column === column).map((count) => count.rows);
      assert.equal(counts.length, 2);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        rows,
      );
      assert.ok(counts.every((count) => count > 100));
    }
    assert.equal(await countRows(workspace.database, "maskline.rekey"), 0, "no walk was begun");
    assert.match(succeeded(await call("keys", "rekey", "--dry-run")).stdout, /masked_ip .* to be rekeyed\n/);
  });

  test("disable is refused with everything that uses the key, and nothing is changed", async () => {
    const error = jsonError(await call("keys", "disable", String(first), "--json"));
    assert.equal(error.code, "key_in_use");
    assert.equal(error.details.length, 2);
    assert.match(error.details[0] ?? "", /^\d+ rows of public.user_logins, column masked_ip, hold tokens of key \d+$/);
    failed(await call("keys", "destroy", String(first), "--yes"), { code: "key_in_use", says: /is enabled/, next: /keys disable/ });
    assert.deepEqual(
      (await ring()).keys.map(({ status }) => status),
      ["ENABLED", "ENABLED"],
    );
    const states = await workspace.database.query("looking", "SELECT state FROM maskline.ring_key ORDER BY position");
    assert.deepEqual(states, [{ state: "open" }, { state: "open" }]);
  });

  test("rekey, disable, enable, disable, destroy: each says what to type next", async () => {
    const rekeyed = succeeded(await call("keys", "rekey"));
    assert.match(rekeyed.stderr, new RegExp(`next: maskline keys disable ${first}\\n`));
    assert.match(
      succeeded(await call("keys", "disable", String(first))).stderr,
      new RegExp(`next: maskline keys destroy ${first}`),
    );
    succeeded(await call("run", "--drain", "--idle", "1s"));
    succeeded(await call("keys", "enable", String(first)));
    assert.equal((await ring()).keys[0]?.status, "ENABLED");
    succeeded(await call("keys", "disable", String(first)));
    failed(await call("keys", "destroy", String(first)), { code: "usage", says: /no terminal to ask at/, next: /--yes/ });
    succeeded(await call("keys", "destroy", String(first), "--yes"));
    assert.deepEqual((await ring()).roots[0], { id: first, status: "DESTROYED" });
    succeeded(await call("run", "--drain", "--idle", "1s"));
    succeeded(await call("check", "--connect"));
    succeeded(await call("keys", "rekey"));
  });

  test("a sealing key is kept while the quarantine holds bodies sealed under it", async () => {
    assert.ok((await countRows(workspace.database, "maskline.quarantine")) > 0);
    succeeded(await call("keys", "rotate", "--sealing"));
    const error = jsonError(await call("keys", "destroy", String(firstSealing), "--yes", "--json"));
    assert.match(error.details.join(), /^\d+ messages in the quarantine are sealed under it$/);
    failed(await call("keys", "disable", String(firstSealing)), { code: "usage", says: /is a sealing key/, next: /keys destroy/ });
    await workspace.database.query("clearing", "DELETE FROM maskline.quarantine");
    succeeded(await call("keys", "destroy", String(firstSealing), "--yes"));
    assert.equal((await ring()).sealing.length, 1);
  });
});

suite("a process that is left behind by a rotation", () => {
  test("is told of, is waited for, goes on until its key is closed, and cannot start again", { timeout: 120_000 }, async (t) => {
    const place = await openWorkspace(servers);
    t.after(() => place.close());
    const old = await emptyFolder(t);
    await copyFile(path.join(place.folder, "keyring.json"), path.join(old, "keyring.json"));
    const text = await readFile(place.file, "utf8");
    await writeFile(path.join(old, "maskline.yaml"), text.replace(place.folder, old), { mode: 0o600 });
    await place.send([...sampleEvents({ count: 200, seed: 5 })].map(({ body }) => body));
    const left = startMaskline(old, ["run"]);
    t.after(() => left.kill("SIGKILL"));
    while ((await countRows(place.database, "user_logins")) < 150) await pause(20);
    const { primaryId } = await readKeyRingFile(path.join(place.folder, "keyring.json"));

    succeeded(await maskline(place.folder, ["keys", "rotate"]));
    const error = jsonError(await maskline(place.folder, ["keys", "disable", String(primaryId), "--json"]));
    assert.match(error.details[0] ?? "", new RegExp(`^run \\S+ of pipeline public.user_logins writes with key ${primaryId}`));
    const waited = await maskline(place.folder, ["keys", "rekey", "--max-duration", "8s"]);
    failed(waited, {
      code: "rekey_unfinished",
      says: /^waiting: run \S+ of pipeline public.user_logins writes with key/m,
      next: /keys rekey/,
    });
    await place.send([...sampleEvents({ count: 50, seed: 6 })].map(({ body }) => body));
    while ((await countRows(place.database, "user_logins")) < 220) await pause(20);
    left.kill("SIGTERM");
    const { code, stderr } = await left.finished;
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/still has the old one/g)?.length, 1, "told once");

    succeeded(await maskline(place.folder, ["keys", "rekey"]));
    failed(await maskline(old, ["run", "--max-messages", "1"]), {
      code: "key_retired",
      says: /this key ring is out of date/,
      next: /use the ring as it is now/,
    });
    failed(await maskline(old, ["keys", "rotate"]), {
      code: "key_retired",
      says: /the database knows key \d+ of it, and this copy does not/,
      next: /copy it from there/,
    });
    failed(await maskline(old, ["keys", "rekey"]), {
      code: "key_retired",
      says: /out of date/,
      next: /where the ring was rotated/,
    });
  });
});

suite("rotating without a database", () => {
  const pinned = (key: string): string =>
    `keyring: file:./keyring.json\ncolumns:\n  c: { type: text, max: 9, mask: { kind: hmac, domain: d${key} } }\n  s: { type: text, max: 9, mask: { kind: siv, domain: s } }\n`;

  test("a mask whose tokens do not say their key must name it first; the line to write is told", async (t) => {
    const folder = await folderWith(t, pinned(""));
    succeeded(await maskline(folder, ["keys", "create"]));
    const { primaryId } = await readKeyRingFile(path.join(folder, "keyring.json"));
    const error = jsonError(await maskline(folder, ["keys", "rotate", "--json"]));
    assert.equal(error.code, "key_unpinned");
    assert.deepEqual(error.details, [`columns.c.mask: add key: ${primaryId} beside kind: hmac`]);
    await writeFile(path.join(folder, "maskline.yaml"), pinned(`, key: ${primaryId}`));
    succeeded(await maskline(folder, ["keys", "rotate"]));
    failed(await maskline(folder, ["keys", "disable", String(primaryId), "--offline"]), {
      code: "key_in_use",
      says: /columns.c.mask of maskline.yaml names it: key/,
      next: /keep this key: such tokens cannot be rekeyed/,
    });
  });

  test("whether a key is in use cannot be known: --offline has to be asked for", async (t) => {
    const folder = await folderWith(t, "keyring: file:./keyring.json\ncolumns:\n  c: { type: text }\n");
    succeeded(await maskline(folder, ["keys", "create"]));
    const { primaryId } = await readKeyRingFile(path.join(folder, "keyring.json"));
    succeeded(await maskline(folder, ["keys", "rotate"]));
    failed(await maskline(folder, ["keys", "disable", String(primaryId)]), {
      code: "usage",
      says: /names no database/,
      next: /--offline changes the ring alone/,
    });
    const states = async (): Promise<readonly string[]> =>
      (await readKeyRingFile(path.join(folder, "keyring.json"))).keys.map(({ status }) => status);
    succeeded(await maskline(folder, ["keys", "disable", String(primaryId), "--offline"]));
    assert.deepEqual(await states(), ["DISABLED", "ENABLED"]);
    succeeded(await maskline(folder, ["keys", "enable", String(primaryId), "--offline"]));
    succeeded(await maskline(folder, ["keys", "disable", String(primaryId), "--offline"]));
    succeeded(await maskline(folder, ["keys", "destroy", String(primaryId), "--offline", "--yes"]));
    assert.deepEqual(await states(), ["DESTROYED", "ENABLED"]);
  });
});
