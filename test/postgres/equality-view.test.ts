import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { Database } from "../../src/postgres/database.ts";
import { equalityView, findDuplicates } from "../../src/postgres/duplicates.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { connect } from "../harness/login-table.ts";
import { plainClient } from "./databases.ts";

const domain = "it's a \\ domain";
const columns = [{ name: 'odd "name', domain }];
const table = { schema: "Other place", table: 'lo"gins' };

suite("equal values under several keys", () => {
  let server: PostgresServer;
  let database: Database;
  let admin: pg.Client;
  before(async () => {
    server = await startPostgres();
    database = connect(server.url);
    admin = await plainClient(server.url);
    await migrate(database, "My own");
    await admin.query(`CREATE SCHEMA "Other place"; CREATE COLLATION "Other place".own (locale = 'POSIX');
      CREATE TABLE "Other place"."lo""gins" ("user" text, "odd ""name" varchar(99) COLLATE "Other place".own, at date);
      INSERT INTO "Other place"."lo""gins" VALUES ('a', 'AQAAAB-old', '2026-11-01'), ('b', 'AQAAAC-new', '2026-11-02'),
        ('c', 'AQAAAD-other', '2026-11-03'), ('d', NULL, '2026-11-04'), ('e', NULL, '2026-11-05')`);
    await admin.query(
      `INSERT INTO "My own".ring_key (ring, kind, key_id, state) VALUES (16, 'root', 16, 'open'), (16, 'root', 32, 'open')`,
    );
    const insert = `INSERT INTO "My own".token_alias (anchor, domain, token, canonical) VALUES ($1, $2, $3, $4)`;
    await admin.query(insert, [16, domain, "AQAAAC-new", "AQAAAB-old"]);
    await admin.query(insert, [16, "another domain", "AQAAAD-other", "AQAAAB-old"]);
    // of an anchor that is not one any more, or was never
    await admin.query(insert, [99, domain, "AQAAAD-other", "AQAAAB-old"]);
  });
  after(async () => {
    await admin?.end();
    await database?.close();
    await server?.stop();
  });

  test("the printed view makes them equal, whatever its names, collations and domains are written like", async () => {
    await admin.query(equalityView("My own", table, columns));
    const { rows } = await admin.query<{ users: string }>(
      `SELECT string_agg("user", '' ORDER BY "user") AS users FROM "Other place"."lo""gins_equal"
       WHERE "odd ""name_equal" IS NOT NULL GROUP BY "odd ""name_equal" ORDER BY 1`,
    );
    assert.deepEqual(rows, [{ users: "ab" }, { users: "c" }]);
  });

  test("so does the command, which shows the token of the newest key", async () => {
    const question = { table, column: 'odd "name', userColumn: "user", timeColumn: "at", minUsers: 2, limit: 9 };
    assert.deepEqual(await findDuplicates(database, { ...question, aliases: { schema: "My own", domain } }), [
      { token: "AQAAAC-new", rank: 1, users: 2, rows: 2, firstSeen: "2026-11-01", lastSeen: "2026-11-02" },
    ]);
    assert.deepEqual(await findDuplicates(database, question), [], "without aliases they are two values");
    await admin.query(`UPDATE "My own".ring_key SET state = 'drained' WHERE key_id = 16`);
    assert.deepEqual(await findDuplicates(database, { ...question, aliases: { schema: "My own", domain } }), []);
  });
});
