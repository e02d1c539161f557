import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";

import { openTarget } from "../../src/app/assemble-sink.ts";
import { loadSettings } from "../../src/app/config/load.ts";
import { type EpochRequest, type EpochResult, keepEpochs } from "../../src/app/keys/epoch.ts";
import { announce } from "../../src/app/live-masks.ts";
import { createMasks } from "../../src/app/masks.ts";
import { erase } from "../../src/app/recovery/erase.ts";
import { openVault } from "../../src/app/recovery/vault-opener.ts";
import { ringName } from "../../src/app/tagged-columns.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import { unseal } from "../../src/keys/sealing.ts";
import type { Settlement } from "../../src/pipeline/ports.ts";
import { sealedPlace } from "../../src/pipeline/sealed-body.ts";
import { vaultPlace } from "../../src/pipeline/vault.ts";
import { PostgresReplay } from "../../src/postgres/recovery/replay.ts";
import { dismissReplica, reportReplica } from "../../src/postgres/replicas.ts";
import { documentOf, failed, folderWith, maskline, succeeded } from "../cli/expect.ts";
import { outcomesOf } from "../harness/login-table.ts";
import { refused } from "../harness/refused.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { deliveryOf, loginOf, vaultColumnsText, VaultTable } from "../harness/vault-table.ts";
import { plainClient, untilWaiting } from "../postgres/databases.ts";

const program = path.resolve(import.meta.dirname, "../harness/epoch-program.ts");
const day = (text: string): number => Date.parse(`${text}T12:00:00Z`);

interface SealedOriginal {
  readonly domain: string;
  readonly token: string;
  readonly sealed: Buffer;
}

/** A vault that was filled in January 2030, and the file of its ring. */
class Place {
  readonly table: VaultTable;
  readonly folder: string;

  static async create(t: TestContext, server: PostgresServer, bodies: readonly object[]): Promise<Place> {
    const table = await VaultTable.create(server);
    t.after(() => table.close());
    const configuration = `keyring: file:./keyring.json\nsink: { postgres: { url: "${table.url}", table: public.logins } }\n${vaultColumnsText}`;
    const folder = await folderWith(t, configuration);
    await createKeyRingFile(path.join(folder, "keyring.json"), table.ring);
    await (await table.loader()).load(bodies);
    await table.database.query("as if loaded then", "UPDATE maskline.vault SET epoch = '2030-01-01'");
    return new Place(table, folder);
  }

  private constructor(table: VaultTable, folder: string) {
    this.table = table;
    this.folder = folder;
  }

  get file(): string {
    return path.join(this.folder, "maskline.yaml");
  }

  ring(): Promise<KeyRing> {
    return readKeyRingFile(path.join(this.folder, "keyring.json"));
  }

  ringText(): Promise<string> {
    return readFile(path.join(this.folder, "keyring.json"), "utf8");
  }

  async sealingIds(): Promise<readonly number[]> {
    return (await this.ring()).sealing.map(({ id }) => id);
  }

  keep(date: string, more: Partial<EpochRequest> = {}): Promise<EpochResult> {
    return keepEpochs(loadSettings({ file: this.file, environment: {}, overrides: [], unset: "nowhere" }), {
      nowMs: day(date),
      destroyOlderMonths: null,
      confirm: () => Promise.reject(new Error("nobody is asked where nothing is destroyed")),
      stop: new AbortController().signal,
      ...more,
    });
  }

  originals(): Promise<readonly SealedOriginal[]> {
    return this.table.database.query("reading", "SELECT domain, token, sealed FROM maskline.vault ORDER BY domain, token");
  }

  async open(token: string): Promise<string> {
    const [opened] = await openVault(this.table.database, "maskline", await this.ring(), { domain: "login.ip" }).open([token]);
    return opened === undefined ? "nothing" : "value" in opened ? opened.value : opened.failure;
  }
}

suite("maskline keys epoch", () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => server?.stop());

  test("months pass: survivors open, and copies of before open no more once their key is destroyed", async (t) => {
    const place = await Place.create(t, server, [
      loginOf("ann", "203.0.113.1"),
      loginOf("bob", "203.0.113.1"),
      loginOf("ann", "203.0.113.2"),
      { user_id: "bob", ip: "no address" },
    ]);
    const { table } = place;
    const [first = 0] = await place.sealingIds();
    const [shared = ""] = await table.tokensOf("bob");
    const [own = ""] = (await table.tokensOf("ann")).filter((token) => token !== shared);

    const january = await place.keep("2030-01-20", { destroyOlderMonths: 1 });
    assert.deepEqual([january.before, january.keyId, january.former], [null, first, []], "a ring of this month is left as it is");
    const backup = await place.originals();
    const [body] = await table.database.query<{ id: string; pipeline: string; sealed: Buffer }>(
      "copying the quarantine",
      "SELECT id, name AS pipeline, sealed FROM maskline.quarantine JOIN maskline.pipeline ON number = pipeline",
    );
    assert.ok(body);
    const bodyPlace = sealedPlace(body.pipeline, body.id);
    const question = { column: "user_id", nullTokens: false, reason: "article 17", ticket: "T-17", approval: null };
    await erase(table.settings, await table.governed(), question, "ann");

    const february = await place.keep("2030-02-01");
    const second = february.keyId;
    assert.deepEqual([february.before, february.originals.changed, february.bodies.changed, february.destroyed], [first, 1, 1, []]);
    assert.deepEqual(february.former, [{ keyId: first, lastUsed: "2030-02", waitsFor: [] }]);
    const inBackup = backup.find(({ token }) => token === own);
    assert.ok(inBackup);
    const openBackup = async (): Promise<string> =>
      Buffer.from(
        await unseal((await place.ring()).sealing, inBackup.sealed, vaultPlace(inBackup.domain, inBackup.token)),
      ).toString();
    assert.equal(await openBackup(), "203.0.113.2", "what was erased is in the copy, and its key is still there");

    const text = await place.ringText();
    const sealedNow = await place.originals();
    const again = await place.keep("2030-02-01", { destroyOlderMonths: 1 });
    assert.deepEqual([again.before, again.originals.changed, again.bodies.changed, again.destroyed], [null, 0, 0, []]);
    await place.keep("2030-02-28", { destroyOlderMonths: 1 });
    assert.equal(await place.ringText(), text, "asked again it does nothing");
    assert.deepEqual(await place.originals(), sealedNow);

    const asked: (readonly number[])[] = [];
    const confirm = async (ids: readonly number[]): Promise<void> => void asked.push(ids);
    const declined = place.keep("2030-03-02", { destroyOlderMonths: 1, confirm: () => Promise.reject(new Error("no")) });
    await assert.rejects(declined, /^Error: no$/);
    assert.ok((await place.sealingIds()).includes(first), "nobody confirmed it");
    const march = await place.keep("2030-03-02", { destroyOlderMonths: 1, confirm });
    assert.deepEqual([march.destroyed, asked], [[first], [[first]]]);
    assert.deepEqual(
      march.former.map(({ keyId }) => keyId),
      [second],
      "February's backups open",
    );
    assert.equal(await place.open(shared), "203.0.113.1");
    await assert.rejects(openBackup(), { failure: "unknown_key" });
    await assert.rejects(unseal((await place.ring()).sealing, body.sealed, bodyPlace), { failure: "unknown_key" });
    for (const { domain, token, sealed } of backup) {
      await table.database.query(
        "restoring the copy",
        `INSERT INTO maskline.vault (domain, token, key_id, sealed) VALUES ($1, $2, $4, $3)
         ON CONFLICT (domain, token) DO UPDATE SET sealed = excluded.sealed`,
        [domain, token, sealed, table.ring.primaryId],
      );
    }
    const values = [await place.open(own), await place.open(shared)];
    assert.ok(!values.some((value) => value.startsWith("203.")), `erased, and for good: ${values.join()}`);
  });

  test("a ring that the database knows nothing of is as old as what it sealed; all its former keys count from today", async (t) => {
    const place = await Place.create(t, server, [loginOf("ann", "203.0.113.1")]);
    const [first = 0] = await place.sealingIds();
    const confirm = async (): Promise<void> => {};
    const june = await place.keep("2030-06-11", { destroyOlderMonths: 1, confirm });
    assert.deepEqual([june.before, june.destroyed], [first, []], "it sealed until now");
    assert.deepEqual(june.former, [{ keyId: first, lastUsed: "2030-06", waitsFor: [] }]);
    const july = await place.keep("2030-07-01", { destroyOlderMonths: 1, confirm });
    assert.deepEqual(july.destroyed, [first]);
    const at0 = await place.keep("2030-08-01", { destroyOlderMonths: 0, confirm });
    assert.deepEqual(at0.destroyed.toSorted(), [june.keyId, july.keyId].toSorted(), "0: at once");
    assert.deepEqual(await place.sealingIds(), [at0.keyId]);
  });

  test("a process that still seals under the former key holds its destruction back, and is named", async (t) => {
    const place = await Place.create(t, server, [loginOf("ann", "203.0.113.1")]);
    const { table } = place;
    const [first = 0] = await place.sealingIds();
    const run = "7a1f7c1e-0000-4000-8000-00000000abcd";
    const replica = { run, pipeline: 1, ring: ringName(table.ring), keyId: table.ring.primaryId, sealingId: first };
    const confirm = async (): Promise<void> => {};
    await reportReplica(table.database, "maskline", replica);
    await announce(table.settings, table.database, table.ring);
    const seal = async (ring: KeyRing): Promise<readonly Settlement[]> => {
      const { sink, batchOf } = await table.loader(ring);
      const { ring: name, keyId, sealingId } = { ...replica, sealingId: ring.sealing[0]?.id ?? 0 };
      const keys = { ring: name, keyId, anchorId: keyId, sealingId, pinnedIds: [], aliases: [] };
      return sink.load({ ...batchOf([{ user_id: "bob", ip: "no address" }, loginOf("bob", "203.0.113.7")].map(deliveryOf)), keys });
    };
    const replay = async (): Promise<unknown> => {
      const { batchOf } = await table.loader(table.ring);
      const { rows, vault } = batchOf([deliveryOf(loginOf("eve", "203.0.113.99"))]);
      const target = await openTarget(table.settings, createMasks(table.settings.columns, table.ring), table.database);
      const store = new PostgresReplay(table.database, {
        ...target,
        pipeline: 1,
        act: "7a1f7c1e-0000-4000-8000-000000000001",
        rehearses: false,
        needsVault: true,
        contractHash: "today",
        describe: () => [],
        recheckTarget: async () => {},
      });
      const keys = {
        ring: replica.ring,
        keyId: replica.keyId,
        anchorId: replica.keyId,
        sealingId: first,
        pinnedIds: [],
        aliases: [],
      };
      return store.write({ rows, refused: [], keys, ...(vault === undefined ? {} : { vault }) });
    };
    assert.deepEqual(await replay(), { loaded: 0, duplicate: 0, refused: [], gone: 1 }, "not refused while the key is open");
    const february = await place.keep("2030-02-01", { destroyOlderMonths: 0, confirm });
    assert.deepEqual(february.destroyed, []);
    assert.match(february.former[0]?.waitsFor.join() ?? "", new RegExp(`^run ${run} of pipeline \\S+ seals with key ${first}$`));

    assert.deepEqual(outcomesOf(await seal(table.ring)), { loaded: 1, quarantined: 1 });
    await reportReplica(table.database, "maskline", replica);
    const april = await place.keep("2030-04-05", { destroyOlderMonths: 1, confirm });
    assert.deepEqual([april.originals.changed, april.bodies.changed], [2, 1], "what it brought is sealed anew");
    assert.ok(!april.destroyed.includes(first));
    assert.equal(april.former.find(({ keyId }) => keyId === first)?.lastUsed, "2030-04");

    await dismissReplica(table.database, "maskline", run);
    const may = await place.keep("2030-05-01", { destroyOlderMonths: 1, confirm });
    assert.ok(may.destroyed.includes(first));
    await refused(seal(table.ring), "key_retired");
    await refused(replay(), "key_retired");
    assert.equal(await table.count("maskline.vault"), 2, "no original under a key that is gone");
    assert.deepEqual(outcomesOf(await seal(await place.ring())), { loaded: 1, quarantined: 1 });
  });

  test("killed while it seals anew, it goes on, with the key it has made", async (t) => {
    const people = Array.from({ length: 700 }, (_, n) => loginOf(`user ${n}`, `198.51.${100 + (n >> 8)}.${n & 255}`));
    const place = await Place.create(t, server, people);
    const [first = 0] = await place.sealingIds();
    const last = (await place.originals()).at(-1);
    const [holder, watcher] = [await plainClient(place.table.url), await plainClient(place.table.url)];
    try {
      await holder.query("BEGIN");
      await holder.query("SELECT 1 FROM maskline.vault WHERE token = $1 FOR UPDATE", [last?.token]);
      const child = spawn(process.execPath, [program, place.file, String(day("2030-02-01"))], { stdio: "ignore" });
      const ended = once(child, "exit");
      await untilWaiting(watcher, 1, [ended]);
      child.kill("SIGKILL");
      assert.deepEqual(await ended, [null, "SIGKILL"]);
      await holder.query("ROLLBACK");
    } finally {
      await holder.end();
      await watcher.end();
    }
    const [second = 0, ...former] = await place.sealingIds();
    assert.deepEqual(former, [first]);
    const result = await place.keep("2030-02-02", { destroyOlderMonths: 0, confirm: async () => {} });
    assert.deepEqual([result.before, result.keyId, result.destroyed], [null, second, [first]]);
    assert.ok(result.originals.changed > 0 && result.originals.changed < 700, "some were done before");
    for (const { token } of await place.originals()) assert.match(await place.open(token), /^198\.51\./);
  });

  test("killed between the new key's ring and the database, it makes no second one, and no former key is taken for older than it is", async (t) => {
    const place = await Place.create(t, server, [loginOf("ann", "203.0.113.1")]);
    const [first = 0] = await place.sealingIds();
    await place.keep("2030-01-20");
    succeeded(await maskline(place.folder, ["keys", "rotate", "--sealing"]));
    const [second = 0] = await place.sealingIds();
    const february = await place.keep("2030-02-10", { destroyOlderMonths: 1 });
    assert.deepEqual([february.keyId, february.before, february.destroyed], [second, null, []]);
    assert.deepEqual(february.former, [{ keyId: first, lastUsed: "2030-02", waitsFor: [] }]);
  });

  test("a key under which nothing is left was in use until it was taken over: backups have what was erased", async (t) => {
    const place = await Place.create(t, server, [loginOf("ann", "203.0.113.1")]);
    const [first = 0] = await place.sealingIds();
    await place.keep("2030-01-20");
    await place.table.database.query("erasing", "DELETE FROM maskline.vault_link");
    await place.table.database.query("erasing", "DELETE FROM maskline.vault");
    const february = await place.keep("2030-02-10", { destroyOlderMonths: 1 });
    assert.deepEqual(february.former, [{ keyId: first, lastUsed: "2030-02", waitsFor: [] }]);
  });

  test("what does not open is told, and destroying wants somebody to ask or --yes", async (t) => {
    const place = await Place.create(t, server, [loginOf("ann", "203.0.113.1")]);
    failed(await maskline(place.folder, ["keys", "epoch", "--destroy-older", "1"]), {
      code: "usage",
      says: /no terminal to ask at/,
      next: /--yes/,
    });
    const { before: former, keyId } = documentOf(
      succeeded(await maskline(place.folder, ["keys", "epoch", "--json"])),
    ) as EpochResult;
    assert.equal((await place.sealingIds())[0], keyId);
    assert.equal(former, null, "2030 is not over");
    const { database } = place.table;
    await database.query("damaging", "UPDATE maskline.vault SET sealed = set_byte(sealed, 1, get_byte(sealed, 1) # 1)");
    failed(await maskline(place.folder, ["keys", "epoch"]), {
      code: "rekey_unfinished",
      says: /1 sealed values do not open/,
      next: /ring/,
    });
    await writeFile(path.join(place.folder, "keyring.json"), "{}");
    failed(await maskline(place.folder, ["keys", "epoch"]), { code: "keyring_malformed", says: /key ring/, next: /backup/ });
  });
});
