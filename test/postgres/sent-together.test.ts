import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import * as fc from "fast-check";
import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { type Database, DatabaseRefusal } from "../../src/postgres/database.ts";
import { sendTogether } from "../../src/postgres/sent-together.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows } from "../harness/login-table.ts";
import { plainClient } from "./databases.ts";

const text = fc
  .oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "NULL", "{}", '"', "\\", "a,b", "日本", " ", "\n"))
  .map((value) => value.replaceAll("\0", "").toWellFormed());

for (const engine of postgresServers()) {
  suite(`statements sent together on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let client: pg.Client;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 1);
      client = await plainClient(server.url);
      await client.query("CREATE TABLE noted (a integer CHECK (a < 9))");
    });
    after(async () => {
      await client?.end();
      await database?.close();
      await server?.stop();
    });

    const insert = (a: number): { sql: string; parameters: readonly number[] } => ({
      sql: "INSERT INTO noted VALUES ($1) RETURNING a",
      parameters: [a],
    });

    test("answer as one by one, each with its own rows", async () => {
      const sum = { sql: "SELECT count(*)::int AS n, sum(a)::int AS sum FROM noted" };
      const { answers, error } = await sendTogether(client, [
        { sql: "TRUNCATE noted" },
        insert(1),
        insert(2),
        sum,
        { sql: "SELECT 1 WHERE false" },
      ]);
      assert.deepEqual([answers, error], [[[], [{ a: 1 }], [{ a: 2 }], [{ n: 2, sum: 3 }], []], null]);
    });

    test("take the parameters that the driver takes", async () => {
      const parameters = fc.tuple(
        fc.option(text),
        fc.integer(),
        fc.array(fc.option(text)),
        fc.array(fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })),
        fc.array(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      );
      const sql = "SELECT $1::text AS a, $2::bigint AS b, $3::text[] AS c, $4::integer[] AS d, $5::bytea[] AS e, $6::bytea AS f";
      await fc.assert(
        fc.asyncProperty(parameters, async (values) => {
          const { answers, error } = await sendTogether(client, [{ sql, parameters: values }]);
          assert.equal(error, null);
          const { rows } = await client.query<Record<string, unknown>>(sql, values);
          assert.deepEqual(answers, [rows]);
        }),
        { numRuns: 100 },
      );
    });

    test("stop at the first that fails: what was before it has answered, what is behind it is not run", async () => {
      await client.query("TRUNCATE noted");
      const { answers, error } = await sendTogether(client, [
        { sql: "BEGIN" },
        insert(1),
        insert(10),
        insert(2),
        { sql: "COMMIT" },
      ]);
      assert.deepEqual(answers, [[], [{ a: 1 }]]);
      assert.equal(error !== null && Reflect.get(error, "code"), "23514");
      await client.query("ROLLBACK");
      assert.equal(await countRows(database, "noted"), 0);
    });

    test("are not run outside the transaction that could not be begun", async () => {
      await client.query("TRUNCATE noted");
      const { answers, error } = await sendTogether(client, [{ sql: "BEGIN ISOLATION LEVEL NONE" }, insert(1)]);
      assert.deepEqual(answers, []);
      assert.ok(error !== null);
      assert.equal(await countRows(database, "noted"), 0);
      // nor where something fails between BEGIN and them
      const other = connect(server.url, 1);
      try {
        const broken = other.transaction("trying", async () => assert.fail("not begun"), {
          prelude: ["SELECT 1 / 0"],
          first: [insert(1)],
        });
        await assert.rejects(broken, (thrown) => thrown instanceof DatabaseRefusal && thrown.failure.sqlState === "22012");
        assert.equal(await countRows(database, "noted"), 0);
        // the connection is as good as new
        const answer = await other.transaction("trying", async (_query, prelude, _copyIn, first) => [prelude, first], {
          prelude: ["SELECT 1 AS one"],
          first: [insert(3), insert(4)],
        });
        assert.deepEqual(answer, [[{ one: 1 }], [[{ a: 3 }], [{ a: 4 }]]]);
        assert.equal(await countRows(database, "noted"), 2);
      } finally {
        await other.close();
      }
    });

    test("commit along, or leave nothing", async () => {
      await client.query("TRUNCATE noted");
      await database.transaction("noting", async () => {}, { first: [insert(1), insert(2)], commitsAlong: true });
      assert.equal(await countRows(database, "noted"), 2);
      const refused = database.transaction("noting", async () => {}, { first: [insert(3), insert(10)], commitsAlong: true });
      await assert.rejects(refused, (thrown) => thrown instanceof DatabaseRefusal && thrown.failure.sqlState === "23514");
      assert.equal(await countRows(database, "noted"), 2);
    });
  });
}
