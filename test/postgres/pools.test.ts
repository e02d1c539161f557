import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { Database } from "../../src/postgres/database.ts";
import { connect, openLoginSink } from "../harness/login-table.ts";
import { plainClient } from "./databases.ts";

const outage = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006'; END $$";

suite("connections through an outage", () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => {
    await server?.stop();
  });

  test("whoever waits for a connection of a pool that is left gets one of the next", async () => {
    const database = connect(server.url, 1);
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const failing = database.transaction("loading", async (query) => {
      begun.resolve();
      await goOn.promise;
      await query(outage);
    });
    const failed = assert.rejects(failing, { code: "database_unreachable" });
    await begun.promise;
    const waiting = database.query("asking", "SELECT 1 AS one");
    goOn.resolve();
    await failed;
    assert.deepEqual(await waiting, [{ one: 1 }]);
    await database.close();
  });

  test("an outage that is met while the database is closed changes nothing any more", async () => {
    const database = connect(server.url, 1);
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const failing = database.transaction("loading", async (query) => {
      begun.resolve();
      await goOn.promise;
      await query(outage);
    });
    const failed = assert.rejects(failing, { code: "database_unreachable" });
    await begun.promise;
    const closed = database.close();
    goOn.resolve();
    await Promise.all([failed, closed]);
    await turn();
    await assert.rejects(database.query("asking", "SELECT 1"), { code: "database_unreachable" });
  });

  test("who waits for a connection is not kept when the run is halted", { timeout: 60_000 }, async () => {
    const database = new Database({ url: server.url, tls: null, caFile: null, connections: 1, connectTimeoutMs: 3_600_000 });
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const holding = database.transaction("loading", async () => {
      begun.resolve();
      await goOn.promise;
    });
    await begun.promise;
    const halt = new AbortController();
    const waiting = database.transaction("loading", async () => {}, { halt: halt.signal });
    halt.abort();
    await assert.rejects(waiting, { code: "database_unreachable" });
    goOn.resolve();
    await holding;
    assert.deepEqual(await database.query("asking", "SELECT 1 AS one"), [{ one: 1 }], "the connection that came late is not lost");
    await database.close();
  });

  test("a client that has vanished keeps its locks for a while only", async () => {
    const database = connect(server.url, 1);
    const sql = "SELECT setting::integer AS ms FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'";
    assert.deepEqual(await database.query("asking", sql), [{ ms: 30_000 }]);
    await database.close();
  });

  test("a probe whose process has vanished stands in the way of no other", async () => {
    const database = connect(server.url);
    const sink = await openLoginSink(database);
    const vanished = await plainClient(server.url);
    // what a probe writes, with its ROLLBACK never to come
    await vanished.query(
      `BEGIN; INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
       SELECT '00000000-0000-0000-0000-000000000000', 0, 0, number, 0, 0, 0, 0, 0 FROM maskline.pipeline`,
    );
    await sink.probe();
    await vanished.end();
    await database.close();
  });
});
