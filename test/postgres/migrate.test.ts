import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { starterTable } from "../../src/app/starter.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { migrate, migrationScript, requireSchema, schemaVersion } from "../../src/postgres/migrate.ts";
import { quoteName } from "../../src/postgres/names.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect } from "../harness/login-table.ts";
import { describeSchema, tablesWithoutPrimaryKey } from "./catalog.ts";
import { otherwise, plainClient, untilWaiting } from "./databases.ts";

const reviewed = path.join(import.meta.dirname, "schema.txt");
const update = "UPDATE_SCHEMA=1 node --test test/postgres/migrate.test.ts";
const allVersions: readonly number[] = Array.from({ length: schemaVersion }, (_, index) => index + 1);

for (const engine of postgresServers()) {
  suite(`migrations on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    async function drop(...schemas: readonly string[]): Promise<void> {
      for (const schema of schemas) await admin.query(`DROP SCHEMA IF EXISTS ${quoteName(schema)} CASCADE`);
    }

    test("what maskline owns is what was reviewed", async () => {
      await drop("maskline");
      await migrate(database, "maskline");
      const found = await describeSchema(admin, "maskline");
      if (process.env["UPDATE_SCHEMA"] === "1") writeFileSync(reviewed, found);
      assert.equal(
        found,
        readFileSync(reviewed, "utf8"),
        `schema.txt is not what the migrations make. If they are right: ${update}`,
      );
    });

    test("every table has a primary key, so that logical replication carries it", async () => {
      await drop("maskline", "keyless");
      await migrate(database, "maskline");
      assert.deepEqual(await tablesWithoutPrimaryKey(admin, "maskline"), []);
      await admin.query("CREATE SCHEMA keyless; CREATE TABLE keyless.found (a text NOT NULL UNIQUE)");
      assert.deepEqual(await tablesWithoutPrimaryKey(admin, "keyless"), ["found"]);
    });

    test("the second time nothing is left to do, and nothing that is there is lost", async () => {
      await drop("maskline");
      assert.deepEqual(await migrate(database, "maskline"), allVersions);
      await admin.query("INSERT INTO maskline.pipeline (name) VALUES ('kept')");
      const before = await describeSchema(admin, "maskline");
      assert.deepEqual(await migrate(database, "maskline"), []);
      assert.equal(await describeSchema(admin, "maskline"), before);
      const { rows } = await admin.query("SELECT name FROM maskline.pipeline");
      assert.deepEqual(rows, [{ name: "kept" }]);
      await requireSchema(database, "maskline");
    });

    test("two at once wait for each other, and one of them does the work", async () => {
      await drop("maskline");
      const other = connect(server.url);
      // a transaction that has made the schema but not committed holds both up: neither can be done before the other has begun
      await admin.query("BEGIN; CREATE SCHEMA maskline");
      const racers = [migrate(database, "maskline"), migrate(other, "maskline")];
      const watcher = await plainClient(server.url);
      try {
        await untilWaiting(watcher, 2, racers);
        await admin.query("ROLLBACK");
        const done = await Promise.all(racers);
        assert.deepEqual(done.flat(), allVersions);
      } finally {
        await admin.query("ROLLBACK");
        await Promise.allSettled(racers);
        await watcher.end();
        await other.close();
      }
    });

    test("a migration that fails leaves nothing behind", async () => {
      await drop("maskline");
      await admin.query("CREATE SCHEMA maskline; CREATE TABLE maskline.account (in_the_way text)");
      const before = await describeSchema(admin, "maskline");
      await assert.rejects(
        migrate(database, "maskline"),
        (error) => error instanceof MasklineError && error.code === "database_refused",
      );
      assert.equal(await describeSchema(admin, "maskline"), before);
    });

    test("the SQL handed to someone else makes the same, under any name", async () => {
      const names = ["maskline", "By hand", 'odd "name', "Ünïcode; DROP SCHEMA maskline"];
      await drop(...names);
      await migrate(database, "maskline");
      for (const name of names.slice(1)) {
        await admin.query(migrationScript(name));
        assert.equal(await describeSchema(admin, name), await describeSchema(admin, "maskline"), name);
        assert.deepEqual(await migrate(database, name), [], "maskline finds it complete");
        await requireSchema(database, name);
      }
    });

    test("a user without the right to create is told so; what another created for them is enough", async () => {
      await drop("maskline");
      await admin.query("DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN PASSWORD 'writer'");
      const writer = connect(otherwise(server.url, { user: "writer", password: "writer" }));
      try {
        await assert.rejects(migrate(writer, "maskline"), (error) => {
          assert.ok(error instanceof MasklineError);
          assert.equal(error.code, "database_denied");
          assert.ok(error.next);
          return true;
        });
        await admin.query(migrationScript("maskline"));
        await admin.query("GRANT USAGE ON SCHEMA maskline TO writer; GRANT SELECT ON maskline.migration TO writer");
        await requireSchema(writer, "maskline");
        assert.deepEqual(await migrate(writer, "maskline"), []);
      } finally {
        await writer.close();
        await admin.query("DROP OWNED BY writer; DROP ROLE writer");
      }
    });

    test("a schema that is missing, older or newer stops a run and says what to type", async () => {
      await drop("maskline");
      const refusal = async (code: string, next: RegExp): Promise<void> => {
        await assert.rejects(requireSchema(database, "maskline"), (error) => {
          assert.ok(error instanceof MasklineError);
          assert.equal(error.code, code);
          assert.match(error.message, /"maskline"/);
          assert.match(error.next ?? "", next);
          return true;
        });
      };
      await refusal("schema_missing", /^maskline migrate .*--print/);
      await admin.query("CREATE SCHEMA maskline");
      await refusal("schema_missing", /^maskline migrate/);
      await migrate(database, "maskline");
      await admin.query("INSERT INTO maskline.migration (version) VALUES ($1)", [schemaVersion + 1]);
      await refusal("schema_newer", /newer maskline/);
      await assert.rejects(
        migrate(database, "maskline"),
        (error) => error instanceof MasklineError && error.code === "schema_newer",
      );
      // while there is one version only, there is no older one: a number below it stands for one
      await admin.query(
        `DELETE FROM maskline.migration; INSERT INTO maskline.migration (version) VALUES (${schemaVersion - 1 || -1})`,
      );
      await refusal("schema_older", /^maskline migrate$/);
    });

    test("the user's own table is left exactly as it was", async () => {
      await drop("maskline");
      await admin.query(`DROP TABLE IF EXISTS user_logins CASCADE; ${starterTable}`);
      await admin.query(
        "CREATE INDEX by_user ON user_logins (user_id); CREATE VIEW latest AS SELECT max(create_date) FROM user_logins",
      );
      const before = await describeSchema(admin, "public");
      assert.match(before, /table user_logins\n.*column user_id character varying\(128\)\n/);
      await migrate(database, "maskline");
      assert.equal(await describeSchema(admin, "public"), before);
      await admin.query("DROP VIEW latest; ALTER TABLE user_logins ADD COLUMN extra text");
      assert.notEqual(await describeSchema(admin, "public"), before, "a change would be seen");
    });
  });
}
