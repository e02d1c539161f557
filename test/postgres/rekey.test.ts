import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { PostgresRekey } from "../../src/postgres/rekey.ts";
import type { RekeyStore } from "../../src/recovery/rekey-store.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { prefixOf } from "../harness/equal-values.ts";
import { connect, countRows, loginTable } from "../harness/login-table.ts";
import { RotatingTable, sharedLogins } from "../harness/rotating-table.ts";
import { otherwise, plainClient, untilWaiting } from "./databases.ts";

/** A partitioned user_logins, in the place of the starter's. */
const partitioned = `ALTER TABLE user_logins RENAME TO plain_logins
;
CREATE TABLE user_logins (LIKE plain_logins) PARTITION BY LIST (device_type)
;
DROP TABLE plain_logins
;
CREATE TABLE logins_ios PARTITION OF user_logins FOR VALUES IN ('ios')
;
CREATE TABLE "logins, others" PARTITION OF user_logins FOR VALUES IN ('android', 'web')`;

for (const engine of postgresServers()) {
  suite(`rekey on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      server = await engine.start();
      database = connect(server.url);
      admin = await plainClient(server.url);
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    test("brings every row under the newest key, twice, and equal values are equal at every step", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(1_500));
      const faults: string[] = [];
      const checked = (store: RekeyStore): RekeyStore =>
        afterEachStep(store, async () => void faults.push(...(await table.check()).faults));
      // a process that still has the first ring, and is late each time
      const late = [
        await table.prepare(table.ring, sharedLogins(100, 100)),
        await table.prepare(table.ring, sharedLogins(100, 300)),
      ];
      for (const [rotation, batch] of late.entries()) {
        await table.rotate();
        if (rotation === 0) await table.write(batch);
        else await assert.rejects(table.write(batch), code("key_retired"));
        await table.load(table.ring, sharedLogins(300, 1_400));
        const between = await table.check();
        assert.deepEqual(between.faults, []);
        assert.ok(between.mixed > 50, "values stand under two keys");
        const result = await table.rekey({ batchRows: 1_000 }, checked);
        assert.equal(result.unopened, 0);
        assert.deepEqual(result.drained, [table.rings.at(-2)?.primaryId]);
      }
      assert.deepEqual(faults, []);
      const end = await table.check();
      assert.deepEqual(end.faults, []);
      const all = { [prefixOf(table.ring.primaryId)]: end.rows };
      assert.deepEqual(end.byPrefix, { masked_ip: all, masked_device_id: all });
      assert.equal(end.rows, 1_500 + 100 + 2 * 300);
      await table.use.clearAliases();
      assert.equal(await countRows(database, "maskline.token_alias"), 0);
      assert.deepEqual(await table.states(), ["drained", "drained", "open"]);
    });

    test("a walk that writes no aliases is caught, and so is a load that is not guarded", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(600));
      await table.rotate();
      await assert.rejects(
        table.rekey({}, (store) =>
          afterEachStep(
            {
              ...bound(store),
              step: (from, until, remask) => store.step(from, until, (rows) => ({ ...remask(rows), aliases: [] })),
            },
            () => Promise.reject(new Error("enough")),
          ),
        ),
        /enough/,
      );
      assert.match((await table.check()).faults.join(), /masked_ip: \d+ rows of equal values are not equal in the view/);

      const second = await RotatingTable.open(database, server.url);
      await second.load(second.ring, sharedLogins(200));
      const guarded = await second.prepare(second.ring, sharedLogins(50));
      const careless = await second.prepare(second.ring, sharedLogins(50), { guarded: false });
      await second.rotate();
      await second.rekey();
      await assert.rejects(second.write(guarded), code("key_retired"));
      assert.deepEqual((await second.check()).faults, []);
      await second.write(careless);
      assert.match((await second.check()).faults.join(), /rows of equal values are not equal/);
    });

    test("what is no token stays, what does not open stays and is told, and nulls stay null", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(40));
      const { rows: kept } = await admin.query<{ user_id: string; masked_ip: string }>(
        "SELECT user_id, masked_ip FROM user_logins ORDER BY user_id LIMIT 1",
      );
      const token = kept[0]?.masked_ip ?? "";
      const altered = `${token.slice(0, 20)}${token[20] === "x" ? "y" : "x"}${token.slice(21)}`;
      const foreign = `AQAAAA${token.slice(6)}`;
      const hex = "a".repeat(64);
      for (const [user, ip, device] of [
        ["altered", altered, null],
        ["foreign", foreign, "A plain text"],
        ["legacy", hex, hex],
      ]) {
        await admin.query("INSERT INTO user_logins (user_id, masked_ip, masked_device_id) VALUES ($1, $2, $3)", [user, ip, device]);
      }
      await table.rotate();
      const result = await table.rekey();
      assert.equal(result.unopened, 2);
      assert.deepEqual(result.examples.map(({ column, failure }) => [column, failure]).sort(), [
        ["masked_ip", "not_authentic"],
        ["masked_ip", "unknown_key"],
      ]);
      assert.match(result.examples[0]?.place ?? "", /^\(0,\d+\)$/);
      assert.deepEqual(result.drained, [], "the altered token still counts as one of the old key");
      assert.match(result.holders.join(), /^1 rows of public.user_logins, column masked_ip, hold tokens of key/);
      const { rows } = await admin.query(
        "SELECT user_id, masked_ip, masked_device_id FROM user_logins WHERE user_id IN ('altered', 'foreign', 'legacy') ORDER BY 1",
      );
      assert.deepEqual(rows, [
        { user_id: "altered", masked_ip: altered, masked_device_id: null },
        { user_id: "foreign", masked_ip: foreign, masked_device_id: "A plain text" },
        { user_id: "legacy", masked_ip: hex, masked_device_id: hex },
      ]);
      await admin.query("DELETE FROM user_logins WHERE user_id = 'altered'");
      assert.equal((await table.rekey()).drained.length, 1);
    });

    test("goes on where it was left, and a newer walk takes over from an older one", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(1_200));
      await table.rotate();
      const positions: number[] = [];
      const stop = new AbortController();
      const noting = (store: RekeyStore): RekeyStore => ({
        ...bound(store),
        step: async (from, until, remask) => {
          positions.push(from.block);
          if (positions.length === 3) stop.abort();
          return store.step(from, until, remask);
        },
      });
      await assert.rejects(table.rekey({ stop: stop.signal, batchRows: 100 }, noting), code("rekey_unfinished"));
      assert.deepEqual(positions, [0, 1, 2]);
      const older = await table.store();
      await older.parts();
      await older.begin(table.ring.primaryId);
      positions.length = 0;
      await table.rekey({ batchRows: 100 }, (store) => ({
        ...noting(store),
        begin: async (toKey) => {
          const position = await store.begin(toKey);
          await assert.rejects(
            older.step({ pass: 1, part: "public.user_logins", block: 0 }, 1, () => ({ changes: [], aliases: [], unopened: [] })),
            (error) => code("rekey_unfinished")(error) && /taken this table over/.test((error as Error).message),
          );
          return position;
        },
      }));
      assert.equal(positions[0], 3, "the first three blocks are done");
      assert.deepEqual((await table.check()).faults, []);
    });

    test("a row that its users change meanwhile keeps their change, and is found by the next pass", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(300));
      await table.rotate();
      // the step waits for the row, and sees what became of it
      await admin.query("BEGIN; UPDATE user_logins SET locale = 'XX', masked_ip = NULL WHERE user_id = 'user-7'");
      const walking = table.rekey();
      const watcher = await plainClient(server.url);
      try {
        await untilWaiting(watcher, 1, [walking]);
        await admin.query("COMMIT");
        await walking;
      } finally {
        await watcher.end();
      }
      const { rows } = await admin.query(
        "SELECT locale, masked_ip, left(masked_device_id, 6) AS key FROM user_logins WHERE user_id = 'user-7'",
      );
      assert.deepEqual(rows, [{ locale: "XX", masked_ip: null, key: prefixOf(table.ring.primaryId) }]);
    });

    test("partitions are walked one by one, and dead rows and empty tables do no harm", async () => {
      const table = await RotatingTable.open(database, server.url, partitioned);
      await table.load(table.ring, sharedLogins(400));
      await admin.query(`INSERT INTO "logins, others" SELECT user_id || 'b', 'web', masked_ip, masked_device_id FROM logins_ios`);
      await admin.query("DELETE FROM logins_ios WHERE user_id LIKE '%3'");
      await table.rotate();
      const seen = new Set<string>();
      const result = await table.rekey({}, (store) => ({
        ...bound(store),
        step: (from, until, remask) => {
          seen.add(from.part);
          return store.step(from, until, remask);
        },
      }));
      assert.deepEqual([...seen].sort(), ["public.logins, others", "public.logins_ios"]);
      assert.equal(result.changed, 400 + 360);
      assert.deepEqual((await table.check()).faults, []);
      const empty = await RotatingTable.open(database, server.url);
      await empty.rotate();
      assert.equal((await empty.rekey()).drained.length, 1);
    });

    test("a trigger or constraint that refuses is told with its name, and what was done before stays", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(300));
      await table.rotate();
      const prefix = prefixOf(table.ring.primaryId);
      await admin.query(
        `ALTER TABLE user_logins ADD CONSTRAINT frozen CHECK (user_id <> 'user-250' OR left(masked_ip, 6) <> '${prefix}')`,
      );
      await assert.rejects(table.rekey({ batchRows: 100 }), (error) => {
        assert.ok(error instanceof MasklineError);
        assert.equal(error.code, "database_refused");
        assert.match(error.message, /table public.user_logins does not take the new tokens: SQLSTATE 23514, constraint frozen/);
        return true;
      });
      assert.deepEqual((await table.check()).faults, []);
      await admin.query("ALTER TABLE user_logins DROP CONSTRAINT frozen");
      await table.rekey();
      assert.deepEqual((await table.check()).faults, []);
    });

    test("a table whose rows are hidden from this user is not walked", async () => {
      const table = await RotatingTable.open(database, server.url);
      await admin.query(`DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN PASSWORD 'keeper';
        GRANT SELECT, UPDATE ON user_logins TO keeper; ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY`);
      const keeper = connect(otherwise(server.url, { user: "keeper", password: "keeper" }));
      try {
        const columns = await table.columns(table.ring);
        const store = new PostgresRekey(keeper, { schema: "maskline", table: loginTable, ring: 1, run: "", columns });
        await assert.rejects(store.parts(), (error) => {
          assert.ok(code("target_misfit")(error) && error instanceof MasklineError);
          assert.match(error.details.join(), /public.user_logins: row-level security hides rows from this user/);
          return true;
        });
        await admin.query("ALTER TABLE user_logins DISABLE ROW LEVEL SECURITY");
        assert.equal((await store.parts()).length, 1);
      } finally {
        await keeper.close();
        await admin.query("DROP OWNED BY keeper; DROP ROLE keeper");
      }
    });
  });
}

function code(expected: MasklineError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof MasklineError && error.code === expected;
}

/** A store's methods as functions, so that one of them can be another. */
function bound(store: RekeyStore): RekeyStore {
  return {
    parts: () => store.parts(),
    begin: (toKey) => store.begin(toKey),
    step: (from, until, remask) => store.step(from, until, remask),
    restart: (pass) => store.restart(pass),
    finish: () => store.finish(),
  };
}

function afterEachStep(store: RekeyStore, look: () => Promise<void>): RekeyStore {
  return {
    ...bound(store),
    step: async (from, until, remask) => {
      const result = await store.step(from, until, remask);
      await look();
      return result;
    },
  };
}
