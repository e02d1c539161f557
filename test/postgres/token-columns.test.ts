import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { ringName } from "../../src/app/tagged-columns.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { PostgresKeyUse } from "../../src/postgres/key-use.ts";
import { listTokenColumns } from "../../src/postgres/token-columns.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect } from "../harness/login-table.ts";
import { RotatingTable, sharedLogins } from "../harness/rotating-table.ts";
import { otherwise, plainClient } from "./databases.ts";

for (const engine of postgresServers().filter(({ name }) => name !== "system")) {
  suite(`where the tokens of a key are on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 6);
      admin = await plainClient(server.url);
      await admin.query("CREATE ROLE watcher LOGIN PASSWORD 'watcher'");
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    test("rows that row-level security hides are not counted as none, whether in the table or behind a view", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(10));
      await admin.query(`GRANT USAGE ON SCHEMA maskline TO watcher; GRANT SELECT ON ALL TABLES IN SCHEMA maskline TO watcher;
        GRANT SELECT ON user_logins TO watcher; ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY`);
      const own = connect(otherwise(server.url, { user: "watcher", password: "watcher" }));
      try {
        const holders = (): Promise<readonly string[]> =>
          new PostgresKeyUse(own, "maskline", ringName(table.ring)).holders([table.ring.primaryId]);
        await assert.rejects(holders(), (error) => {
          assert.ok(error instanceof MasklineError);
          assert.equal(error.code, "target_misfit");
          assert.match(error.message, /public.user_logins cannot be counted: row-level security/);
          assert.match(error.next ?? "", /BYPASSRLS/);
          return true;
        });
        await admin.query(`ALTER TABLE user_logins RENAME TO beneath; ALTER TABLE beneath FORCE ROW LEVEL SECURITY;
          ALTER TABLE beneath OWNER TO watcher; CREATE VIEW user_logins AS SELECT * FROM beneath; ALTER VIEW user_logins OWNER TO watcher`);
        await admin.query("UPDATE maskline.token_column SET relation = 0");
        await assert.rejects(holders(), (error) => error instanceof MasklineError && error.code === "database_denied");
      } finally {
        await own.close();
        await admin.query("DROP VIEW IF EXISTS user_logins; DROP TABLE IF EXISTS beneath CASCADE");
      }
    });

    test("a table takes its tokens along when it is renamed or moved, and so does a column", async () => {
      const table = await RotatingTable.open(database, server.url);
      const first = table.ring.primaryId;
      const held = async (): Promise<readonly string[]> =>
        (await table.use.holders([first])).map((line) => line.replace(/ hold .*/, ""));
      await table.load(table.ring, sharedLogins(10));
      await admin.query(`DROP SCHEMA IF EXISTS attic CASCADE; CREATE SCHEMA attic; ALTER TABLE user_logins RENAME TO "Logins 2025";
        ALTER TABLE "Logins 2025" SET SCHEMA attic; ALTER TABLE attic."Logins 2025" RENAME masked_ip TO ip_then;
        CREATE TABLE user_logins (LIKE attic."Logins 2025" INCLUDING ALL); ALTER TABLE user_logins RENAME ip_then TO masked_ip`);
      const moved = ['10 rows of attic."Logins 2025", column ip_then,', '10 rows of attic."Logins 2025", column masked_device_id,'];
      assert.deepEqual(await held(), moved);
      // the new table, once it is registered and renamed in its turn
      await table.register();
      await table.register();
      assert.equal((await admin.query("SELECT FROM maskline.token_column")).rowCount, 4);
      await table.load(table.ring, sharedLogins(3));
      await admin.query("ALTER TABLE user_logins RENAME TO user_logins_2026");
      assert.deepEqual(await held(), [
        ...moved,
        "3 rows of public.user_logins_2026, column masked_ip,",
        "3 rows of public.user_logins_2026, column masked_device_id,",
      ]);
      await admin.query('DROP TABLE attic."Logins 2025" CASCADE; ALTER TABLE user_logins_2026 DROP COLUMN masked_ip');
      assert.deepEqual(await held(), ["3 rows of public.user_logins_2026, column masked_device_id,"]);
      await admin.query("DROP TABLE user_logins_2026");
      assert.deepEqual(await held(), []);
    });

    test("a table that was restored from a dump, as another one under the same name, holds what it holds", async () => {
      const table = await RotatingTable.open(database, server.url);
      await table.load(table.ring, sharedLogins(10));
      await admin.query(`CREATE TABLE dumped AS SELECT * FROM user_logins; DROP TABLE user_logins CASCADE;
        ALTER TABLE dumped RENAME TO user_logins`);
      assert.equal((await table.use.holders([table.ring.primaryId])).length, 2);
    });

    test("the columns of one ring do not hide those of another", async () => {
      const table = await RotatingTable.open(database, server.url);
      await admin.query("UPDATE maskline.token_column SET ring = 4711");
      assert.deepEqual(await listTokenColumns(database, "maskline", ringName(table.ring)), []);
      await table.register();
      assert.equal((await listTokenColumns(database, "maskline", ringName(table.ring))).length, 2);
      assert.equal((await listTokenColumns(database, "maskline", 4711)).length, 2);
    });
  });
}
