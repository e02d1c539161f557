import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import { toldRow } from "../../src/postgres/copy-in.ts";
import { Database } from "../../src/postgres/database.ts";
import { findDuplicates } from "../../src/postgres/duplicates.ts";
import { findMessage, readAccounts } from "../../src/postgres/ledger.ts";
import { loadStatements } from "../../src/postgres/load-statement.ts";
import { pinMaskDefinitions } from "../../src/postgres/mask-definitions.ts";
import { migrate, requireSchema } from "../../src/postgres/migrate.ts";
import { registerPipeline } from "../../src/postgres/pipelines.ts";
import { listQuarantine, showQuarantined } from "../../src/postgres/quarantine.ts";
import { findRefusedRows } from "../../src/postgres/refused-rows.ts";
import { checkTarget } from "../../src/postgres/target.ts";
import { type Pgbouncer, pgbouncerMissing, startPgbouncer } from "../engines/pgbouncer.ts";
import {
  connect,
  countRows,
  loginDemands,
  loginTable,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  position,
  rowsOf,
} from "../harness/login-table.ts";
import { RotatingTable, sharedLogins } from "../harness/rotating-table.ts";
import { countAttempts } from "./attempts.ts";
import { otherwise, plainClient } from "./databases.ts";

/** Fewer than the clients have: each transaction may run in another session. */
const serverConnections = 2;

suite("behind a transaction-pooling pgbouncer", { skip: pgbouncerMissing ?? false }, () => {
  let server: PostgresServer;
  let pooler: Pgbouncer;
  let database: Database;
  let admin: pg.Client;
  before(async () => {
    server = await startPostgres();
    pooler = await startPgbouncer(server, { poolSize: serverConnections, users: { writer: "writer" } });
    database = connect(pooler.url, 6);
    admin = await plainClient(server.url);
  });
  after(async () => {
    await admin?.end();
    await database?.close();
    await pooler?.stop();
    await server?.stop();
  });

  test("loads, finds duplicates, quarantines, and closes the account", async () => {
    const check = "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))";
    const sink = await openLoginSink(database, "maskline", check);
    const deliveries = Array.from({ length: 40 }, () => makeDelivery());
    const rows = makeRows(deliveries);
    const types = deliveries.map((_, row) => (row % 10 === 3 ? "toaster" : "ios"));
    const columns = rows.columns.map((column, index) => (index === 1 ? types : column));
    assert.deepEqual(outcomesOf(await sink.load(makeBatch(rowsOf(deliveries, columns)))), {
      loaded: 36,
      quarantined: 4,
    });
    const again = await sink.load(makeBatch(rowsOf(deliveries, columns), [], { sequence: 2, received: 80 }));
    assert.deepEqual(outcomesOf(again), { duplicate: 40 });
    await sink.closeLane(position({ sequence: 3, received: 80 }));
    const [account] = await readAccounts(database, "maskline", null, 1);
    assert.deepEqual([account?.loaded, account?.quarantined, account?.duplicate, account?.difference], [36, 4, 40, 0]);
    assert.equal(account?.state, "closed");
    assert.equal(await countRows(database, "user_logins"), 36);
  });

  test("COPY goes through, also when it is refused in the middle: the session is as good as new for the next client", async () => {
    await admin.query("DROP TABLE IF EXISTS copied; CREATE TABLE copied (a text CHECK (a <> 'refused'), b text)");
    const copy = "COPY copied (a, b) FROM STDIN";
    const good = `a\t${"x".repeat(500)}\n`;
    const stop = "refused\tb\n";
    await Promise.all(
      lanesOf(6).map((lane) =>
        database.transaction("copying", async (_query, _prelude, copyIn) => {
          const rows = [...lanesOf(20_000 * (lane % 2)).map(() => good), stop, ...lanesOf(20_000).map(() => good)];
          const error: unknown = await copyIn(`SAVEPOINT here; ${copy}`, Buffer.from(rows.join(""))).catch(
            (thrown: unknown) => thrown,
          );
          assert.deepEqual(toldRow(error, "copied"), { row: 20_000 * (lane % 2), certain: true });
          await copyIn(`ROLLBACK TO SAVEPOINT here; ${copy}`, Buffer.from(good));
        }),
      ),
    );
    assert.equal(await countRows(database, "copied"), 6);
    const count = countAttempts(database);
    const check = "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))";
    await openLoginSink(database, "maskline", check);
    const rows = makeRows(lanesOf(1_000).map(() => makeDelivery()));
    const columns = rows.columns.map((column, index) =>
      index === 1 ? lanesOf(1_000).map((row) => (row % 100 === 37 ? "toaster" : "ios")) : column,
    );
    const statements = loadStatements("maskline", loginTable, await checkTarget(database, loginTable, loginDemands));
    const pipeline = await registerPipeline(database, "maskline", "finding");
    const found = await findRefusedRows(count.database, statements, pipeline, rowsOf(rows.deliveries, columns));
    assert.deepEqual([found.refused.length, count.copies(), count.queries()], [10, 11, 2]);
  });

  test("rotates and rekeys: locks, guard and progress are each transaction's own", async () => {
    const table = await RotatingTable.open(database, server.url);
    const late = await table.prepare(table.ring, sharedLogins(20));
    await table.load(table.ring, sharedLogins(300));
    await table.rotate();
    await table.load(table.ring, sharedLogins(100));
    assert.deepEqual((await table.check()).faults, []);
    assert.equal((await table.rekey()).drained.length, 1);
    await assert.rejects(table.write(late), { code: "key_retired" });
    assert.deepEqual((await table.check()).faults, []);
    await admin.query("DROP VIEW user_logins_equal");
  });

  test("many lanes share few sessions: each message once, whoever brings it", async () => {
    const sink = await openLoginSink(database);
    // so many in a batch that its rows go by COPY
    const deliveries = Array.from({ length: 420 }, () => makeDelivery());
    const lanes = Array.from({ length: 12 }, (_, lane) => lane);
    const all = await Promise.all(
      lanes.map((lane) => sink.load(makeBatch(makeRows(deliveries.slice(lane * 20, lane * 20 + 200)), [], { lane }))),
    );
    assert.deepEqual(outcomesOf(all.flat()), { loaded: 420, duplicate: 12 * 200 - 420 });
    const { rows } = await admin.query<{ sessions: number }>(
      `SELECT count(*)::int AS sessions FROM pg_stat_activity
       WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    assert.equal(rows[0]?.sessions, serverConnections);
  });

  test("no setting of ours stays in a session that the next client gets", async () => {
    const shown =
      "SELECT current_setting('lock_timeout') || current_setting('statement_timeout') || current_setting('DateStyle') AS settings";
    const { rows: fresh } = await admin.query(shown);
    await Promise.all(lanesOf(8).map(() => database.query("setting", "SELECT pg_sleep(0.001)")));
    await assert.rejects(database.query("failing", "SELECT 1/0"));
    const other = await plainClient(pooler.url);
    try {
      for (const _ of lanesOf(4)) assert.deepEqual((await other.query(shown)).rows, fresh);
    } finally {
      await other.end();
    }
  });

  test("migrating, checking, pinning and looking work as they do without it", async () => {
    await admin.query("DROP SCHEMA IF EXISTS maskline CASCADE");
    const done = await Promise.all(lanesOf(4).map(() => migrate(database, "maskline")));
    assert.equal(done.filter((versions) => versions.length > 0).length, 1, "one of them does the work");
    await requireSchema(database, "maskline");
    assert.equal((await checkTarget(database, loginTable, loginDemands)).length, loginDemands.length);
    const numbers = await Promise.all(lanesOf(4).map(() => registerPipeline(database, "maskline", "one pipeline")));
    assert.equal(new Set(numbers).size, 1);
    const pin = { domain: "login.ip", keyId: 7, checkValue: Buffer.from("x"), fingerprint: "y" };
    const rings = await Promise.allSettled(
      lanesOf(6).map((keyId) => pinMaskDefinitions(database, "maskline", [{ ...pin, keyId }], [keyId])),
    );
    assert.equal(rings.filter(({ status }) => status === "fulfilled").length, 1, "one ring wins");
    assert.deepEqual(await listQuarantine(database, "maskline", "one pipeline"), []);
    assert.deepEqual(await showQuarantined(database, "maskline", "nothing"), []);
    assert.deepEqual(await findMessage(database, "maskline", "nothing"), []);
    const seen = { userColumn: "user_id", timeColumn: "create_date", minUsers: 2, limit: 5 };
    const question = { table: loginTable, column: "masked_ip", ...seen };
    assert.equal((await findDuplicates(database, question)).length, 1);
  });

  test("a wrong password and a missing database are told as such, although its codes are all one", async () => {
    const refusedAt = async (url: string): Promise<string> => {
      const elsewhere = new Database({ url, tls: null, caFile: null, connections: 1, connectTimeoutMs: 10_000 });
      const failure: unknown = await elsewhere.query("the first query", "SELECT 1").catch((error: unknown) => error);
      await elsewhere.close();
      assert.ok(failure instanceof MasklineError, String(failure));
      assert.ok(failure.next);
      return failure.code;
    };
    assert.equal(await refusedAt(otherwise(pooler.url, { password: "wrong" })), "database_denied");
    assert.equal(await refusedAt(otherwise(pooler.url, { user: "stranger" })), "database_denied");
    assert.equal(await refusedAt(otherwise(pooler.url, { database: "nowhere" })), "database_missing");
  });

  test("a server that goes away under it is an outage, and nothing is quarantined for it", async () => {
    const sink = await openLoginSink(database);
    const [delivery] = [makeDelivery()];
    const deliveries = [delivery];
    await sink.load(makeBatch(makeRows(deliveries)));
    // the pooler gives a client its server connection back only when the transaction is over: end it in the middle of one
    const failure: unknown = await database
      .transaction("holding on", async (query) => {
        const [own] = await query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
        await admin.query("SELECT pg_terminate_backend($1)", [own?.pid]);
        while ((await admin.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", [own?.pid])).rowCount === 1);
        await query("SELECT 1");
      })
      .catch((error: unknown) => error);
    assert.ok(failure instanceof MasklineError, String(failure));
    assert.deepEqual([failure.code, failure.retryable], ["database_unreachable", true]);
    const next = await sink.load(makeBatch(makeRows([...deliveries, makeDelivery()]), [], { sequence: 2, received: 3 }));
    assert.deepEqual(outcomesOf(next), { loaded: 1, duplicate: 1 });
    assert.equal(await countRows(database, "maskline.quarantine"), 0);
  });
});

function lanesOf(count: number): readonly number[] {
  return Array.from({ length: count }, (_, lane) => lane);
}
