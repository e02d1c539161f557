import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import type { PostgresSink } from "../../src/postgres/sink.ts";
import { connect, countRows, makeBatch, makeDelivery, makeRows, openLoginSink, outcomesOf } from "../harness/login-table.ts";
import { plainClient, untilWaiting } from "./databases.ts";

const run = "6a1f7c1e-0000-4000-8000-000000000001";

async function backend(database: Database): Promise<number> {
  const [row] = await database.query<{ pid: number }>("asking who answers", "SELECT pg_backend_pid() AS pid");
  return row?.pid ?? 0;
}

suite("a database that is away", () => {
  let server: PostgresServer;
  let database: Database;
  let sink: PostgresSink;
  before(async () => {
    server = await startPostgres();
    database = connect(server.url);
  });
  after(async () => {
    await database?.close();
    await server?.stop();
  });

  test("is met over new connections: the old ones may lead to a server that has become read-only", async () => {
    const before = await backend(database);
    assert.equal(await backend(database), before, "connections are kept");
    const readOnly = database.query("loading", "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006'; END $$");
    await assert.rejects(readOnly, { code: "database_unreachable" });
    assert.notEqual(await backend(database), before);
  });

  test("a standby says that it cannot begin to write: that is an outage, and a misfit anywhere else", async () => {
    const unsupported = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000'; END $$";
    const begun = database.transaction("loading", async () => {}, { prelude: unsupported });
    await assert.rejects(begun, { code: "database_unreachable" });
    await assert.rejects(database.query("loading", unsupported), { code: "database_refused" });
  });

  test("what a transaction is pinned to is not taken for what it asked along with BEGIN", async () => {
    await database.query("preparing", "ALTER ROLE CURRENT_USER SET synchronous_commit = off");
    const other = connect(server.url);
    const prelude = "SELECT 1 AS asked";
    assert.deepEqual(await other.transaction("asking", async (_, rows) => rows, { prelude }), [{ asked: 1 }]);
    await other.close();
    await database.query("preparing", "ALTER ROLE CURRENT_USER RESET synchronous_commit");
  });

  test("a refusal that is no outage keeps its connection", async () => {
    const before = await backend(database);
    await assert.rejects(database.query("loading", "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"), {
      code: "database_busy",
    });
    assert.equal(await backend(database), before);
  });

  test("a statement that does not end is cut when the run is halted; nothing of it stays", async () => {
    await database.query("preparing", "CREATE TABLE cut (place integer)");
    const halt = new AbortController();
    const admin = await plainClient(server.url);
    await admin.query("BEGIN; LOCK TABLE cut");
    const waiting = database.transaction("loading", (query) => query("INSERT INTO cut VALUES (1)"), { halt: halt.signal });
    const refused = assert.rejects(waiting, { code: "database_unreachable" });
    await untilWaiting(admin, 1, [refused]);
    halt.abort();
    await refused;
    await admin.query("ROLLBACK");
    await admin.end();
    const halted = database.transaction("loading", (query) => query("INSERT INTO cut VALUES (2)"), { halt: halt.signal });
    await assert.rejects(halted, { code: "database_unreachable" }, "nothing is begun after it");
    assert.equal(await countRows(database, "cut"), 0);
  });

  test("whatever a lane asks of the database ends when the run is halted", async () => {
    sink = await openLoginSink(database);
    const at = { run, lane: 0, sequence: 1, received: 1 };
    const refused = makeDelivery();
    const held = { ...makeBatch(makeRows([]), [{ delivery: refused, id: refused.id, faults: [] }]), heldBack: () => [refused] };
    const calls: readonly ((halt: AbortSignal) => Promise<unknown>)[] = [
      (halt) => sink.load(held, halt),
      (halt) => sink.noteReceived(at, halt),
      (halt) => sink.abandon(at, 1, halt),
      (halt) => sink.closeLane(at, halt),
    ];
    const admin = await plainClient(server.url);
    // a transaction looks at the others once only
    const watcher = await plainClient(server.url);
    await admin.query("BEGIN; LOCK TABLE maskline.ledger, maskline.receipt, maskline.intake");
    for (const call of calls) {
      const halt = new AbortController();
      const waiting = assert.rejects(call(halt.signal), { code: "database_unreachable" });
      await untilWaiting(watcher, 1, [waiting]);
      halt.abort();
      await waiting;
      await watcher.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'maskline' AND wait_event_type = 'Lock'",
      );
    }
    await admin.query("ROLLBACK");
    await Promise.all([admin.end(), watcher.end()]);
  });

  test("a COMMIT that comes late is waited for: the same batch, loaded again, has one effect", async () => {
    sink = await openLoginSink(database);
    const deliveries = Array.from({ length: 5 }, () => makeDelivery());
    const batch = makeBatch(makeRows(deliveries));
    const late = await plainClient(server.url);
    // what a server does whose client has gone: the load is written, its COMMIT still to come
    await late.query("BEGIN");
    await late.query(
      `INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
       SELECT $1, 0, 1, number, 5, 0, 5, 0, 0 FROM maskline.pipeline`,
      [run],
    );
    const again = sink.load(batch);
    await untilWaiting(late, 1, [again]);
    await late.query("COMMIT");
    assert.deepEqual(outcomesOf(await again), { loaded: 5 });
    assert.equal(await countRows(database, "user_logins"), 0, "the other one's rows count, here none");
    const [account] = await readAccounts(database, "maskline", null, 1);
    assert.deepEqual([account?.received, account?.loaded, account?.difference], [5, 5, 0]);

    await late.query("BEGIN");
    await late.query(
      `INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
       SELECT $1, 0, 2, number, 9, 0, 4, 0, 0 FROM maskline.pipeline`,
      [run],
    );
    const abandoned = sink.abandon({ run, lane: 0, sequence: 2, received: 9 }, 4);
    await untilWaiting(late, 1, [abandoned]);
    await late.query("COMMIT");
    await abandoned;
    await late.end();
    const [closed] = await readAccounts(database, "maskline", null, 1);
    assert.deepEqual([closed?.loaded, closed?.returned, closed?.difference], [9, 0, 0]);
  });

  test("a probe finds out what a load would: a lock on the table, a right that is gone", async () => {
    sink = await openLoginSink(database);
    await sink.probe();
    assert.equal(await countRows(database, "maskline.ledger"), 0);
    await database.query("preparing", "ALTER TABLE user_logins RENAME TO elsewhere");
    await assert.rejects(sink.probe(), { code: "database_refused" });
  });
});
