import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import { countPrunable, mayPrune, prune, type Pruned } from "../../src/postgres/prune.ts";
import { countOldExits, pruneExits } from "../../src/postgres/recovery/prune-exits.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, makeBatch, makeDelivery, makeRows, openLoginSink, outcomesOf } from "../harness/login-table.ts";
import { otherwise, plainClient, untilWaiting } from "./databases.ts";

const never = new AbortController().signal;
const days = 15;
const dayMs = 86_400_000;
/** Held by the test to keep a transaction of the product's open where a trigger waits for it. */
const gate = 4_711;

for (const engine of postgresServers()) {
  suite(`pruning on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    const scope = { schema: "maskline", pipeline: 1, days };
    const pruneAll = (signal: AbortSignal = never): Promise<Pruned> => prune(database, scope, signal);
    const ids = async (table: string): Promise<string[]> =>
      (await admin.query<{ id: string }>(`SELECT id FROM maskline.${table} ORDER BY id COLLATE "C"`)).rows.map(({ id }) => id);

    test("who took what out of the quarantine is kept until it is asked for, page by page, of one pipeline", async () => {
      await openLoginSink(database);
      await admin.query("INSERT INTO maskline.pipeline (name) VALUES ('other')");
      // several messages of an act, one of them without a sent time, on both sides of the edge of a page
      await admin.query(`
        INSERT INTO maskline.quarantine_exit (act, pipeline, sent_at, id, outcome, reason, contract_hash, quarantined_at, left_at)
        SELECT md5((n % 7)::text)::uuid, 1, CASE WHEN n % 5 = 0 THEN 'infinity' ELSE now() - interval '50 days' END, 'm' || n, 'discarded',
               'missing', 'c', now() - interval '45 days', now() - CASE WHEN n <= 11000 THEN interval '31 days' ELSE interval '29 days' END
        FROM generate_series(1, 11003) AS n
        UNION ALL SELECT md5('x')::uuid, 2, now(), 'of another', 'loaded', 'missing', 'c', now(), now() - interval '1 year'`);
      await pruneAll();
      assert.equal(await countRows(database, "maskline.quarantine_exit"), 11_004, "no other pruning takes any");
      const old = { ...scope, days: 30 };
      assert.equal(await countOldExits(database, old), 11_000);
      const stopped = new AbortController();
      stopped.abort();
      assert.equal(await pruneExits(database, old, stopped.signal), 0);
      assert.equal(await pruneExits(database, old, never), 11_000);
      assert.equal(await countOldExits(database, old), 0);
      assert.deepEqual(await ids("quarantine_exit"), ["m11001", "m11002", "m11003", "of another"]);
      assert.equal(await pruneExits(database, old, never), 0);
    });

    test("old receipts go, by either key; young, quarantined, timeless ones and those of other pipelines stay", async () => {
      await openLoginSink(database);
      await admin.query("INSERT INTO maskline.pipeline (name) VALUES ('other')");
      await admin.query(`
        INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome) VALUES
          (1, now() - interval '15 days 1 minute', 'old', 'loaded'), (1, now() - interval '3 years', 'oldest', 'discarded'),
          (1, now() - interval '14 days 23 hours', 'young', 'loaded'), (1, 'infinity', 'timeless', 'loaded'),
          (1, now() - interval '40 days', 'held', 'quarantined'), (2, now() - interval '40 days', 'of another', 'loaded');
        INSERT INTO maskline.identity_receipt (pipeline, id, outcome, received_at) VALUES
          (1, 'old', 'loaded', now() - interval '15 days 1 minute'), (1, 'oldest', 'discarded', now() - interval '3 years'),
          (1, 'young', 'loaded', now() - interval '14 days 23 hours'), (1, 'new', 'loaded', now()),
          (1, 'held', 'quarantined', now() - interval '40 days'), (2, 'of another', 'loaded', now() - interval '40 days')`);
      assert.deepEqual(await countPrunable(database, scope), { receipts: 4, ledgerRows: 0, notes: 0 });
      assert.deepEqual(await pruneAll(), { receipts: 4, ledgerRows: 0, notes: 0, ended: "done" });
      assert.deepEqual(await ids("receipt"), ["held", "of another", "timeless", "young"]);
      assert.deepEqual(await ids("identity_receipt"), ["held", "new", "of another", "young"]);
      assert.deepEqual(await pruneAll(), { receipts: 0, ledgerRows: 0, notes: 0, ended: "done" });
      await admin.query("UPDATE maskline.receipt SET outcome = 'loaded' WHERE id = 'held'");
      assert.equal((await pruneAll()).receipts, 1, "what has been replayed is as old as any other");
    });

    test("as many as there are, a chunk a transaction, past those that stay among them", async () => {
      await openLoginSink(database);
      await admin.query(`
        INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome)
        SELECT 1, date_trunc('hour', now()) - interval '20 days' - (n / 3000) * interval '1 hour', 'm' || n,
               CASE WHEN n % 100 = 0 THEN 'quarantined' ELSE 'loaded' END FROM generate_series(1, 14000) AS n;
        INSERT INTO maskline.identity_receipt (pipeline, id, outcome, received_at)
        SELECT pipeline, id, outcome, sent_at FROM maskline.receipt`);
      assert.equal((await countPrunable(database, scope)).receipts, 2 * 13_860);
      const before = await admin.query<{ now: string }>("SELECT txid_current()::text AS now");
      assert.deepEqual(await pruneAll(), { receipts: 2 * 13_860, ledgerRows: 0, notes: 0, ended: "done" });
      const after = await admin.query<{ now: string }>("SELECT txid_current()::text AS now");
      assert.ok(Number(after.rows[0]?.now) - Number(before.rows[0]?.now) >= 6, "in at least three transactions a table");
      assert.equal(await countRows(database, "maskline.receipt"), 140);
      assert.equal(await countRows(database, "maskline.identity_receipt"), 140);
    });

    test("it ends after the chunk in hand when it is asked to stop, and goes on from there", async () => {
      await openLoginSink(database);
      await admin.query(`INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome)
        SELECT 1, now() - interval '20 days', 'm' || n, 'loaded' FROM generate_series(1, 12000) AS n`);
      const first = await pruneAll(AbortSignal.abort());
      assert.deepEqual([first.ended, first.receipts > 0, first.receipts < 12_000], ["stopped", true, true]);
      const rest = await pruneAll();
      assert.deepEqual([rest.ended, first.receipts + rest.receipts], ["done", 12_000]);
    });

    for (const receipts of ["sent", "id"] as const) {
      const table = receipts === "sent" ? "receipt" : "identity_receipt";
      const time = receipts === "sent" ? "sent_at" : "received_at";

      test(`a load does not wait for a prune that is under way, nor a second prune (${table})`, async () => {
        const sink = await openLoginSink(database, "maskline", waitAt(`maskline.${table}`, "DELETE"), receipts);
        const known = [makeDelivery(), makeDelivery()].map((delivery) => ({ ...delivery, sentAtMs: Date.now() - 14 * dayMs }));
        await sink.load(makeBatch(makeRows(known)));
        await admin.query(`INSERT INTO maskline.${table} (pipeline, ${time}, id, outcome)
          SELECT 1, now() - interval '20 days', 'm' || n, 'loaded' FROM generate_series(1, 100) AS n`);
        await admin.query("SELECT pg_advisory_lock($1)", [gate]);
        const pruning = pruneAll();
        try {
          await untilWaiting(admin, 1, [pruning]);
          const batch = makeBatch(makeRows([...known, makeDelivery({ sentAtMs: Date.now() })]), [], { sequence: 2, received: 5 });
          assert.deepEqual(outcomesOf(await sink.load(batch)), { duplicate: 2, loaded: 1 });
          assert.equal((await pruneAll()).ended, "busy");
          assert.equal(await countRows(database, `maskline.${table}`), 103, "the prune is still at it");
        } finally {
          await admin.query("SELECT pg_advisory_unlock($1)", [gate]);
        }
        assert.deepEqual(await pruning, { receipts: 100, ledgerRows: 0, notes: 0, ended: "done" });
      });

      test(`a prune does not wait for a load that is under way (${table})`, async () => {
        const sink = await openLoginSink(database, "maskline", waitAt("user_logins", "INSERT"), receipts);
        await admin.query(`INSERT INTO maskline.${table} (pipeline, ${time}, id, outcome)
          SELECT 1, now() - interval '20 days', 'm' || n, 'loaded' FROM generate_series(1, 100) AS n`);
        await admin.query("SELECT pg_advisory_lock($1)", [gate]);
        const loading = sink.load(makeBatch(makeRows([makeDelivery({ sentAtMs: Date.now() })])));
        try {
          await untilWaiting(admin, 1, [loading]);
          assert.deepEqual(await pruneAll(), { receipts: 100, ledgerRows: 0, notes: 0, ended: "done" });
        } finally {
          await admin.query("SELECT pg_advisory_unlock($1)", [gate]);
        }
        assert.deepEqual(outcomesOf(await loading), { loaded: 1 });
      });
    }

    test("a table that someone else has locked whole is left alone soon, and nothing of it is lost", async () => {
      await openLoginSink(database);
      await admin.query(
        "INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome) VALUES (1, now() - interval '20 days', 'm', 'loaded')",
      );
      await admin.query("BEGIN; LOCK TABLE maskline.receipt IN ACCESS EXCLUSIVE MODE");
      await assert.rejects(pruneAll(), (error) => error instanceof MasklineError && error.code === "database_busy");
      await admin.query("ROLLBACK");
      assert.equal((await pruneAll()).receipts, 1);
    });

    test("the old ledger is summed up: every account says what it said before", async () => {
      const sink = await openLoginSink(database);
      // three runs: one closed, one of a killed lane, one that goes on; the last also has young rows
      await admin.query(`
        INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, closing, recorded_at)
        SELECT ('00000000-0000-4000-8000-00000000000' || run)::uuid, lane, n, 1, n * 10, 7, 2, 1, 0, run = 1 AND n = 30,
               now() - interval '30 days' + n * interval '1 minute'
        FROM generate_series(1, 3) AS run, generate_series(0, 1) AS lane, generate_series(1, 30) AS n;
        INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned)
        SELECT '00000000-0000-4000-8000-000000000003', 0, n, 1, n * 10, 10, 0, 0, 0 FROM generate_series(31, 40) AS n;
        INSERT INTO maskline.intake (run, lane, sequence, pipeline, received) VALUES ('00000000-0000-4000-8000-000000000002', 1, 31, 1, 317);
        INSERT INTO maskline.ledger_reason (run, lane, sequence, reason, path, messages)
        SELECT run, lane, sequence, 'missing', 'ip', 1 FROM maskline.ledger`);
      const before = await readAccounts(database, "maskline", null, 10);
      assert.deepEqual(
        before.map(({ state, abandoned, received, loaded }) => [state, abandoned, received, loaded]).sort(),
        [
          ["closed", 0, 600, 420],
          ["killed", 17, 617, 420],
          ["killed", 0, 700, 520],
        ].sort(),
      );
      const { ledgerRows } = await countPrunable(database, scope);
      assert.deepEqual(await pruneAll(), { receipts: 0, ledgerRows, notes: 0, ended: "done" });
      assert.equal(ledgerRows, 3 * 2 * 28);
      assert.equal(await countRows(database, "maskline.ledger"), 3 * 2 * 2 + 10);
      assert.equal(await countRows(database, "maskline.ledger_reason"), 3 * 2 + 10, "reasons go with the rows they belong to");
      assert.deepEqual(await readAccounts(database, "maskline", null, 10), before);
      assert.equal((await pruneAll()).ledgerRows, 0);
      const run = "00000000-0000-4000-8000-000000000003";
      await sink.load(makeBatch(makeRows([makeDelivery()]), [], { run, sequence: 41, received: 401 }));
      assert.equal((await readAccounts(database, "maskline", null, 1))[0]?.difference, 0, "a run that goes on adds to its account");
    });

    test("a sum that no column could hold is not made", async () => {
      await openLoginSink(database);
      await admin.query(`
        INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, recorded_at)
        SELECT '00000000-0000-4000-8000-000000000001', 0, n, 1, 2147483000::bigint + n * 1000,
               CASE n WHEN 2 THEN 2147483000 ELSE 1000 END, 0, 0, 0, now() - interval '30 days' FROM generate_series(1, 6) AS n`);
      const before = await readAccounts(database, "maskline", null, 10);
      assert.equal((await pruneAll()).ledgerRows, 3);
      assert.equal((await pruneAll()).ledgerRows, 0);
      assert.deepEqual(await readAccounts(database, "maskline", null, 10), before);
    });

    test("notes go that the ledger says as much as; what a killed run held stays known", async () => {
      await openLoginSink(database);
      await admin.query(`
        INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned) VALUES
          ('00000000-0000-4000-8000-000000000001', 0, 1, 1, 10, 10, 0, 0, 0), ('00000000-0000-4000-8000-000000000001', 1, 1, 1, 10, 10, 0, 0, 0);
        INSERT INTO maskline.intake (run, lane, sequence, pipeline, received, recorded_at) VALUES
          ('00000000-0000-4000-8000-000000000001', 0, 1, 1, 10, now() - interval '2 hours'),
          ('00000000-0000-4000-8000-000000000001', 1, 2, 1, 15, now() - interval '40 days'),
          ('00000000-0000-4000-8000-000000000002', 0, 1, 1, 5, now() - interval '40 days'),
          ('00000000-0000-4000-8000-000000000001', 0, 2, 1, 10, now())`);
      assert.deepEqual(await countPrunable(database, scope), { receipts: 0, ledgerRows: 0, notes: 1 });
      assert.equal((await pruneAll()).notes, 1);
      assert.deepEqual((await readAccounts(database, "maskline", null, 10)).map(({ abandoned }) => abandoned).sort(), [5, 5]);
    });

    test("a role that may not is known before anything fails; one with the rights for it does it", async () => {
      await openLoginSink(database);
      await admin.query(
        "INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome) VALUES (1, now() - interval '20 days', 'm', 'loaded')",
      );
      await admin.query(`DROP ROLE IF EXISTS pruner; CREATE ROLE pruner LOGIN PASSWORD 'pruner';
        GRANT USAGE ON SCHEMA maskline TO pruner; GRANT SELECT ON maskline.pipeline TO pruner`);
      const pruner = connect(otherwise(server.url, { user: "pruner", password: "pruner" }));
      try {
        assert.equal(await mayPrune(pruner, "maskline"), false);
        await assert.rejects(
          prune(pruner, scope, never),
          (error) => error instanceof MasklineError && error.code === "database_denied",
        );
        await admin.query(`GRANT SELECT, DELETE ON maskline.receipt, maskline.identity_receipt, maskline.intake, maskline.ledger_reason TO pruner;
          GRANT SELECT, INSERT, DELETE ON maskline.ledger TO pruner`);
        assert.equal(await mayPrune(pruner, "maskline"), true);
        assert.deepEqual(await prune(pruner, scope, never), { receipts: 1, ledgerRows: 0, notes: 0, ended: "done" });
      } finally {
        await pruner.close();
        await admin.query("DROP OWNED BY pruner; DROP ROLE pruner");
      }
    });
  });
}

/** SQL that makes every statement of a kind on a table wait, once it has done its work, while the test holds the gate. */
function waitAt(table: string, event: "DELETE" | "INSERT"): string {
  return `CREATE OR REPLACE FUNCTION maskline.at_the_gate() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(${gate}); RETURN NULL; END $$
;
CREATE TRIGGER at_the_gate AFTER ${event} ON ${table} FOR EACH STATEMENT EXECUTE PROCEDURE maskline.at_the_gate()`;
}
