import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { ringName } from "../../src/app/tagged-columns.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { addRoot, disableRoot } from "../../src/keys/ring-changes.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import type { Database } from "../../src/postgres/database.ts";
import { dismissReplica, forgetDeadReplicas, liveReplicas, reportReplica } from "../../src/postgres/replicas.ts";
import {
  announceKeys,
  closeRoots,
  closeSealing,
  drainRoots,
  noteStanding,
  readStanding,
  reopenRoot,
  reopenSealing,
  standingPrelude,
} from "../../src/postgres/ring-keys.ts";
import { countTokens, listTokenColumns, registerTokenColumns } from "../../src/postgres/token-columns.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, loginTable, makeDelivery } from "../harness/login-table.ts";
import { refused } from "../harness/refused.ts";
import { RotatingTable, sharedLogins } from "../harness/rotating-table.ts";
import { newRing } from "../keys/rings.ts";
import { plainClient, untilWaiting } from "./databases.ts";

for (const engine of postgresServers().filter(({ name }) => name !== "system")) {
  suite(`the keys of a ring on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 6);
      admin = await plainClient(server.url);
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    test("closing waits for the loads in flight; no load under the closed key is committed after it", async () => {
      const table = await RotatingTable.open(database, server.url);
      const late = await table.prepare(table.ring, sharedLogins(10));
      const ring = ringName(table.ring);
      const old = table.ring.primaryId;
      await table.rotate();
      // a load in flight: it has seen the key open, and has not committed
      await admin.query(`BEGIN; ${standingPrelude("maskline", ring).join(";\n")}`);
      const closing = closeRoots(database, "maskline", ring, [old]);
      const watcher = await plainClient(server.url);
      try {
        await untilWaiting(watcher, 1, [closing]);
        assert.deepEqual(await table.states(), ["open", "open"]);
        await admin.query("COMMIT");
        await closing;
      } finally {
        await watcher.end();
      }
      assert.deepEqual(await table.states(), ["closed", "open"]);
      await refused(table.write(late), "key_retired");
      assert.equal(await countRows(database, "user_logins"), 0);
      assert.equal(await countRows(database, "maskline.receipt"), 0, "the messages are as they were");
    });

    test("a load behind a closing that is under way sees what it decided", async () => {
      const table = await RotatingTable.open(database, server.url);
      const late = await table.prepare(table.ring, sharedLogins(10));
      const ring = ringName(table.ring);
      const old = table.ring.primaryId;
      await table.rotate();
      await admin.query(
        `BEGIN; ${standingPrelude("maskline", ring).join(";\n").replace("_xact_lock_shared", "_xact_lock")};
         UPDATE maskline.ring_key SET state = 'closed' WHERE key_id = ${old}`,
      );
      const loading = table.write(late);
      const watcher = await plainClient(server.url);
      try {
        await untilWaiting(watcher, 1, [loading]);
        await admin.query("COMMIT");
        await refused(loading, "key_retired");
      } finally {
        await watcher.end();
      }
    });

    test("a batch whose aliases are for another anchor is refused, and one of a key nobody has announced", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(5));
      await table.rotate();
      const early = await table.prepare(table.ring, sharedLogins(5));
      await table.rekey();
      await refused(table.write(early), "key_retired");
      const unknown = addRoot(table.ring, randomBytes);
      await refused(table.write(await table.prepare(unknown, sharedLogins(5))), "key_retired");
      await table.announce(unknown);
      await table.write(await table.prepare(unknown, sharedLogins(5)));
    });

    test("a batch with tokens under a named key is written while that key is closed or drained, not once it is disabled or destroyed", async () => {
      const table = await RotatingTable.open(database, server.url);
      const ring = ringName(table.ring);
      const named = table.ring.primaryId;
      await table.rotate();
      await table.rekey();
      const load = async (): Promise<void> => {
        const batch = await table.prepare(table.ring, sharedLogins(1));
        assert.ok(batch.keys);
        await table.write({ ...batch, keys: { ...batch.keys, pinnedIds: [named] } });
      };
      assert.deepEqual(await table.states(), ["drained", "open"]);
      await load();
      await admin.query("UPDATE maskline.ring_key SET state = 'closed' WHERE key_id = $1", [named]);
      await load();
      for (const standing of ["disabled", "destroyed"] as const) {
        await noteStanding(database, "maskline", ring, named, standing);
        await refused(load(), "key_retired");
      }
      assert.equal(await countRows(database, "user_logins"), 2);
    });

    test("a body sealed under a closed sealing key is refused; batches without refused messages are not", async () => {
      const table = await RotatingTable.open(database, server.url);
      const ring = ringName(table.ring);
      const sealing = table.ring.sealing[0]?.id ?? 0;
      const fault = { reason: "not_json", path: "", expected: "JSON", found: "text" } as const;
      const withRefused = {
        ...(await table.prepare(table.ring, sharedLogins(2))),
        refused: [{ delivery: makeDelivery(), id: "refused", faults: [fault] }],
      };
      await closeSealing(database, "maskline", ring, sealing);
      await refused(table.write(withRefused), "key_retired");
      await table.load(table.ring, sharedLogins(2));
      await reopenSealing(database, "maskline", ring, sealing);
      await table.write(withRefused);
      assert.equal(await countRows(database, "maskline.quarantine"), 1);
    });

    test("the newest open key cannot be closed, a closed one can be opened again, a drained one not", async () => {
      const table = await RotatingTable.open(database, server.url);
      const ring = ringName(table.ring);
      const first = table.ring.primaryId;
      await refused(closeRoots(database, "maskline", ring, [first]), "key_in_use");
      const second = (await table.rotate()).primaryId;
      await refused(closeRoots(database, "maskline", ring, [first, second]), "key_in_use");
      assert.deepEqual(await table.states(), ["open", "open"]);
      assert.equal(await drainRoots(database, "maskline", ring, [first]), false, "an open key is not drained");
      await closeRoots(database, "maskline", ring, [first]);
      await reopenRoot(database, "maskline", ring, first);
      assert.deepEqual(await table.states(), ["open", "open"]);
      await closeRoots(database, "maskline", ring, [first]);
      assert.equal(await drainRoots(database, "maskline", ring, [first]), true);
      await reopenRoot(database, "maskline", ring, first);
      assert.deepEqual(await table.states(), ["drained", "open"]);
    });

    test("the first ring of a new database has one open key; of one that has loaded before, all enabled ones may have rows", async () => {
      const two = addRoot(newRing(), randomBytes);
      const three = disableRoot(addRoot(two, randomBytes), two.primaryId);
      const announce = async (ring: KeyRing): Promise<readonly string[]> => {
        const { roots } = await announceKeys(database, "maskline", ringName(ring), ring.primaryId, ring.keys);
        assert.deepEqual(roots, (await readStanding(database, "maskline", ringName(ring))).roots);
        assert.deepEqual(
          roots.map(({ id }) => id),
          ring.keys.map(({ id }) => id),
        );
        return roots.map(({ standing }) => standing);
      };
      await RotatingTable.open(database, server.url);
      assert.deepEqual(await announce(three), ["drained", "disabled", "open"]);
      assert.deepEqual(await announce(addRoot(three, randomBytes)), ["drained", "disabled", "open", "open"]);
      const loaded = await RotatingTable.open(database, server.url);
      await loaded.load(loaded.ring, sharedLogins(1));
      assert.deepEqual(await announce(three), ["open", "disabled", "open"], "another ring beside the one of the table");
      assert.deepEqual(await loaded.states(), ["open"]);
    });

    test("a process counts as running until it says goodbye or has been silent for a minute", async () => {
      const table = await RotatingTable.open(database, server.url);
      const ring = ringName(table.ring);
      const replica = { run: "6a1f7c1e-0000-4000-8000-000000000009", pipeline: 1, ring, keyId: 5, sealingId: 6 };
      await reportReplica(database, "maskline", replica);
      await reportReplica(database, "maskline", { ...replica, keyId: 7 });
      const [live, none] = await liveReplicas(database, "maskline", ring);
      assert.equal(none, undefined);
      assert.deepEqual([live?.run, live?.pipeline, live?.keyId, live?.sealingId], [replica.run, "public.user_logins", 7, 6]);
      assert.deepEqual(await liveReplicas(database, "maskline", 1), [], "of another ring");
      await admin.query("UPDATE maskline.replica SET seen_at = now() - interval '61 seconds'");
      assert.deepEqual(await liveReplicas(database, "maskline", ring), []);
      const dead = { ...replica, run: "6a1f7c1e-0000-4000-8000-000000000010" };
      await reportReplica(database, "maskline", dead);
      await forgetDeadReplicas(database, "maskline");
      assert.equal(await countRows(database, "maskline.replica"), 2, "silent, and not for a day");
      await admin.query("UPDATE maskline.replica SET seen_at = now() - interval '25 hours' WHERE run = $1", [dead.run]);
      await forgetDeadReplicas(database, "maskline");
      assert.equal(await countRows(database, "maskline.replica"), 1);
      await dismissReplica(database, "maskline", replica.run);
      assert.equal(await countRows(database, "maskline.replica"), 0);
    });

    test("tokens are counted by key in every column ever written to; tables and columns that are gone hold none", async () => {
      const table = await RotatingTable.open(database, server.url);
      const ring = ringName(table.ring);
      const first = table.ring.primaryId;
      await table.load(table.ring, sharedLogins(30));
      const second = (await table.rotate()).primaryId;
      await table.load(table.ring, sharedLogins(20));
      const more = [
        { table: { schema: "public", table: "gone" }, column: "c", domain: "d", layout: "whole" as const, keyId: null, ring },
        { table: loginTable, column: "gone", domain: "d", layout: "whole" as const, keyId: null, ring },
        { table: loginTable, column: "locale", domain: "d", layout: "whole" as const, keyId: first, ring },
      ];
      await registerTokenColumns(database, "maskline", more);
      await registerTokenColumns(database, "maskline", more);
      const columns = await listTokenColumns(database, "maskline", ring);
      assert.equal(columns.length, 3, "those that are there");
      const counts = await countTokens(database, columns, [first, second]);
      assert.deepEqual(
        counts.map(({ column, keyId, rows }) => [column, keyId, rows]),
        [
          ["masked_ip", first, 30],
          ["masked_ip", second, 20],
          ["masked_device_id", first, 30],
          ["masked_device_id", second, 20],
        ],
      );
      assert.deepEqual(await table.use.pins([first]), [
        `tokens of public.user_logins, column locale, were made with key ${first} and do not say so`,
      ]);
    });
  });
}
