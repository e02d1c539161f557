import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import type { LedgerPosition } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { type Account, findMessage, readAccounts } from "../../src/postgres/ledger.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { initial } from "../../src/postgres/migrations/0001-initial.ts";
import { keyRotation } from "../../src/postgres/migrations/0002-key-rotation.ts";
import { dismissReplica, reportReplica } from "../../src/postgres/replicas.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import {
  connect,
  countRows,
  makeBatch,
  makeDelivery,
  loginSinkOn,
  makeRows,
  openLoginSink,
  outcomesOf,
  position,
} from "../harness/login-table.ts";
import { plainClient } from "./databases.ts";

const { run } = position();

for (const engine of postgresServers()) {
  suite(`the ledger on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    const accounts = (): Promise<readonly Account[]> => readAccounts(database, "maskline", null, 10);
    const stateOf = async (): Promise<unknown> =>
      (await accounts()).map(({ received, loaded, difference, state, abandoned }) => ({
        received,
        loaded,
        difference,
        state,
        abandoned,
      }))[0];
    const at = (parts: Partial<LedgerPosition>): LedgerPosition => position(parts);
    const alive = (): Promise<void> => reportReplica(database, "maskline", { run, pipeline: 1, ring: 1, keyId: 1, sealingId: 1 });
    const silentFor = (seconds: number): Promise<unknown> =>
      admin.query("UPDATE maskline.replica SET seen_at = now() - make_interval(secs => $1)", [seconds]);

    test("what a lane has in hand counts as received from before its load; a killed run shows what it abandoned", async () => {
      const sink = await openLoginSink(database);
      await alive();
      await sink.noteReceived(at({ received: 30 }));
      const held = { received: 30, loaded: 0, difference: 30, state: "running", abandoned: 0 };
      assert.deepEqual(await stateOf(), held);
      await silentFor(59);
      assert.deepEqual(await stateOf(), held);
      await silentFor(61);
      assert.deepEqual(await stateOf(), { ...held, state: "killed", abandoned: 30 });
    });

    test("a batch that was loaded is not in hand any more, nor one that a note comes late for", async () => {
      const sink = await openLoginSink(database);
      await sink.noteReceived(at({ received: 3 }));
      await sink.load(makeBatch(makeRows([makeDelivery(), makeDelivery(), makeDelivery()])));
      const loaded = { received: 3, loaded: 3, difference: 0, state: "killed", abandoned: 0 };
      assert.deepEqual(await stateOf(), loaded);
      await sink.noteReceived(at({ received: 3 }));
      assert.deepEqual(await stateOf(), loaded, "the same note again");
      await sink.noteReceived(at({ sequence: 2, received: 8 }));
      await sink.noteReceived(at({ received: 3 }));
      assert.deepEqual(await stateOf(), { ...loaded, received: 8, difference: 5, abandoned: 5 }, "the greatest counts");
    });

    test("a lane keeps one note, and none when it is closed; each lane has its own", async () => {
      const sink = await openLoginSink(database);
      for (let sequence = 1; sequence <= 5; sequence += 1) await sink.noteReceived(at({ sequence, received: sequence * 10 }));
      await sink.noteReceived(at({ lane: 1, received: 7 }));
      assert.equal(await countRows(database, "maskline.intake"), 2);
      assert.deepEqual(((await accounts())[0] ?? {}).received, 57);
      await sink.abandon(at({ sequence: 6, received: 50 }), 50);
      await sink.closeLane(at({ sequence: 7, received: 50 }));
      assert.equal(await countRows(database, "maskline.intake"), 1);
      assert.deepEqual([(await accounts())[0]?.state, (await accounts())[0]?.difference], ["killed", 7]);
      await sink.abandon(at({ lane: 1, sequence: 2, received: 7 }), 7);
      await sink.closeLane(at({ lane: 1, sequence: 3, received: 7 }));
      assert.deepEqual([(await accounts())[0]?.state, (await accounts())[0]?.difference], ["closed", 0]);
      assert.equal(await countRows(database, "maskline.intake"), 0);
    });

    test("a note may be lost with the server; what a load writes may not", async () => {
      const sink = await openLoginSink(database);
      await admin.query(`CREATE TABLE maskline.seen (what text PRIMARY KEY, synchronous text);
        CREATE FUNCTION maskline.see() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO maskline.seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NULL; END $$;
        CREATE TRIGGER see AFTER INSERT ON maskline.intake FOR EACH ROW EXECUTE PROCEDURE maskline.see();
        CREATE TRIGGER see AFTER INSERT ON maskline.ledger FOR EACH ROW EXECUTE PROCEDURE maskline.see()`);
      await sink.noteReceived(at({ received: 1 }));
      await sink.load(makeBatch(makeRows([makeDelivery()])));
      const { rows } = await admin.query("SELECT what, synchronous FROM maskline.seen ORDER BY what");
      assert.deepEqual(rows, [
        { what: "intake", synchronous: "off" },
        { what: "ledger", synchronous: "on" },
      ]);
    });

    test("a pipeline whose messages are known by something else from now on loads on beside its old quarantine", async () => {
      const byTime = await openLoginSink(database);
      const delivery = makeDelivery();
      const refusals = [
        { delivery, id: delivery.id, faults: [{ reason: "missing", path: "ip", expected: "text", found: "absent" } as const] },
      ];
      await byTime.load(makeBatch(makeRows([]), refusals));
      const byId = await loginSinkOn(database, "maskline", { receiptKey: "id" });
      const settlements = await byId.load(makeBatch(makeRows([makeDelivery()]), refusals, { sequence: 2, received: 3 }));
      assert.deepEqual(outcomesOf(settlements), { loaded: 1, quarantined: 1 });
      assert.equal(await countRows(database, "maskline.quarantine"), 1);
    });

    test("a run that has ended in order is closed whether or not it is still heard of; one that is dismissed open was killed", async () => {
      const sink = await openLoginSink(database);
      await alive();
      await sink.load(makeBatch(makeRows([makeDelivery()])));
      await dismissReplica(database, "maskline", run);
      assert.equal((await accounts())[0]?.state, "killed");
      await alive();
      assert.equal((await accounts())[0]?.state, "running");
      await sink.closeLane(at({ sequence: 2 }));
      assert.equal((await accounts())[0]?.state, "closed");
    });

    test("a lane closes its account also where its role may not remove the note", async () => {
      const sink = await openLoginSink(database);
      await sink.noteReceived(at({ received: 1 }));
      await admin.query(`CREATE FUNCTION maskline.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$;
        CREATE TRIGGER never BEFORE DELETE ON maskline.intake FOR EACH ROW EXECUTE PROCEDURE maskline.never()`);
      await sink.load(makeBatch(makeRows([makeDelivery()])));
      await sink.closeLane(at({ sequence: 2 }));
      assert.deepEqual(await stateOf(), { received: 1, loaded: 1, difference: 0, state: "closed", abandoned: 0 });
    });

    test("a message is found by its id or its identity, in every pipeline, and by when it was sent", async () => {
      const sink = await openLoginSink(database);
      const [first, timeless] = [makeDelivery({ id: "one" }), makeDelivery({ id: "timeless", sentAtMs: null })];
      await sink.load(makeBatch(makeRows([first, timeless])));
      await admin.query(`INSERT INTO maskline.pipeline (name) VALUES ('orders');
        INSERT INTO maskline.identity_receipt (pipeline, id, outcome, received_at) VALUES (2, 'one', 'quarantined', '2026-11-21T08:00:00Z')`);
      const places = await findMessage(database, "maskline", "one");
      assert.deepEqual(
        [...places].sort((left, right) => left.pipeline.localeCompare(right.pipeline)),
        [
          { pipeline: "orders", id: "one", outcome: "quarantined", sentAt: null, receivedAt: new Date("2026-11-21T08:00:00Z") },
          { pipeline: "public.user_logins", id: "one", outcome: "loaded", sentAt: new Date(first.sentAtMs ?? 0), receivedAt: null },
        ],
      );
      const since = async (id: string, afterMs: number): Promise<readonly string[]> =>
        (await findMessage(database, "maskline", id, new Date(afterMs))).map(({ pipeline }) => pipeline);
      assert.deepEqual(await since("one", first.sentAtMs ?? 0), ["public.user_logins", "orders"]);
      assert.deepEqual(await since("one", (first.sentAtMs ?? 0) + 1), ["orders"]);
      assert.deepEqual(await since("timeless", Date.now() * 2), ["public.user_logins"], "nobody knows when it was sent");
      assert.deepEqual(await findMessage(database, "maskline", "two"), []);
    });

    test("an older schema is brought to today with what stands in it, and whoever might look at accounts still may", async () => {
      await admin.query(`DROP SCHEMA IF EXISTS maskline CASCADE; CREATE SCHEMA maskline; ${initial("maskline")} ${keyRotation("maskline")}
        INSERT INTO maskline.migration (version) VALUES (1), (2);
        INSERT INTO maskline.pipeline (name) VALUES ('public.user_logins');
        INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, closing)
        VALUES ('${run}', 0, 1, 1, 10, 8, 1, 1, 0, false), ('${run}', 0, 2, 1, 10, 0, 0, 0, 0, true);
        DROP ROLE IF EXISTS looker; CREATE ROLE looker; GRANT SELECT ON maskline.account TO looker`);
      assert.deepEqual((await migrate(database, "maskline")).slice(0, 1), [3]);
      assert.deepEqual(await stateOf(), { received: 10, loaded: 8, difference: 0, state: "closed", abandoned: 0 });
      const { rows } = await admin.query("SELECT has_table_privilege('looker', 'maskline.account', 'SELECT') AS may");
      assert.deepEqual(rows, [{ may: true }]);
      await admin.query("DROP OWNED BY looker; DROP ROLE looker");
    });

    test("an account of an outage: what was given back to the queue is no difference", async () => {
      const sink = await openLoginSink(database);
      await sink.noteReceived(at({ received: 4 }));
      await sink.abandon(at({ received: 4 }), 4);
      const batch = makeBatch(makeRows([makeDelivery()]), [], { sequence: 2, received: 5 });
      assert.deepEqual(outcomesOf(await sink.load(batch)), { loaded: 1 });
      await sink.closeLane(at({ sequence: 3, received: 5 }));
      assert.deepEqual(await stateOf(), { received: 5, loaded: 1, difference: 0, state: "closed", abandoned: 0 });
    });
  });
}
