import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { ringName } from "../../src/app/tagged-columns.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { PostgresKeyUse } from "../../src/postgres/key-use.ts";
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
        await assert.rejects(holders(), (error) => error instanceof MasklineError && error.code === "database_denied");
      } finally {
        await own.close();
        await admin.query("DROP VIEW IF EXISTS user_logins; DROP TABLE IF EXISTS beneath CASCADE");
      }
    });
  });
}
