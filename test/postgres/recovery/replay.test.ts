import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import type { Delivery, Refusal } from "../../../src/pipeline/ports.ts";
import type { Database } from "../../../src/postgres/database.ts";
import { findPipeline } from "../../../src/postgres/pipelines.ts";
import type { ReceiptKey } from "../../../src/postgres/receipts.ts";
import { discardQuarantined, keyOf, QuarantineExit } from "../../../src/postgres/recovery/quarantine-exit.ts";
import { selectQuarantined } from "../../../src/postgres/recovery/quarantine-selection.ts";
import { PostgresReplay, type PostgresReplayOptions } from "../../../src/postgres/recovery/replay.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { openLoginReplay } from "../../harness/login-replay.ts";
import { connect, countRows, loginSinkOn, makeBatch, makeDelivery, makeRows, openLoginSink } from "../../harness/login-table.ts";

const everything = { ids: null, reason: null, path: null };

for (const engine of postgresServers()) {
  suite(`the way out of the quarantine on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 6);
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    /** Refuses so many messages into an empty quarantine, and gives them back as a replay opens them. */
    async function quarantined(count: number, receipts: ReceiptKey = "sent"): Promise<readonly Delivery[]> {
      const sink = await openLoginSink(database, "maskline", "", receipts);
      const refused = Array.from({ length: count }, () => refusal(makeDelivery()));
      await sink.load(makeBatch(makeRows([]), refused));
      return refused.map(({ delivery }) => ({ ...delivery, handle: delivery.id }));
    }

    const replay = (parts: Partial<PostgresReplayOptions> = {}): Promise<PostgresReplay> => openLoginReplay(database, parts);

    async function left(): Promise<readonly [rows: number, quarantined: number, exits: number]> {
      const counts = ["user_logins", "maskline.quarantine", "maskline.quarantine_exit"].map((table) => countRows(database, table));
      return (await Promise.all(counts)) as unknown as [number, number, number];
    }

    for (const receiptKey of ["sent", "id"] as const) {
      test(`a message leaves once, with its receipt, receipts by ${receiptKey}`, async () => {
        const deliveries = await quarantined(3, receiptKey);
        const store = await replay({ receiptKey });
        const selected = await selectQuarantined(database, "maskline", "public.user_logins", everything);
        assert.deepEqual(
          selected.map(({ id, sentAtMs }) => ({ id, sentAtMs })),
          deliveries.map(keyOf),
          "to the millisecond",
        );
        assert.equal((await store.read(selected)).length, 3);
        const batch = { rows: makeRows(deliveries), refused: [] };
        assert.deepEqual(await store.write(batch), { loaded: 3, duplicate: 0, refused: [], gone: 0 });
        assert.deepEqual(await store.write(batch), { loaded: 0, duplicate: 0, refused: [], gone: 3 });
        assert.deepEqual(await left(), [3, 0, 3]);
        const table = receiptKey === "sent" ? "receipt" : "identity_receipt";
        assert.equal(await countRows(database, `maskline.${table} WHERE outcome = 'loaded'`), 3);
      });
    }

    test("of many that replay the same messages at once, in any order, one loads each", async () => {
      const deliveries = await quarantined(40);
      const store = await replay();
      const orders = [deliveries, deliveries.toReversed(), deliveries.slice(10), deliveries.slice(0, 30).toReversed()];
      const written = await Promise.all(orders.map((order) => store.write({ rows: makeRows(order), refused: [] })));
      assert.equal(
        written.reduce((sum, { loaded }) => sum + loaded, 0),
        40,
      );
      assert.deepEqual(await left(), [40, 0, 40]);
    });

    test("a replay and a discard at once: each message has one of both outcomes", async () => {
      const deliveries = await quarantined(40);
      const store = await replay();
      const pipeline = (await findPipeline(database, "maskline", "public.user_logins")) ?? 0;
      const facts = { act: randomUUID(), contractHash: "today" };
      const keys = deliveries.toReversed().map(keyOf);
      const never = new AbortController().signal;
      const [{ loaded }, discarded] = await Promise.all([
        store.write({ rows: makeRows(deliveries), refused: [] }),
        discardQuarantined(database, new QuarantineExit("maskline", pipeline), keys, facts, never, () => {}),
      ]);
      assert.equal(loaded + discarded, 40);
      assert.deepEqual(await left(), [loaded, 0, 40]);
      assert.equal(await countRows(database, "maskline.receipt WHERE outcome = 'discarded'"), discarded);
    });

    test("a redelivery while its message is replayed is a duplicate", async () => {
      const deliveries = await quarantined(20);
      const sink = await loginSinkOn(database);
      const store = await replay();
      const [{ loaded }, settlements] = await Promise.all([
        store.write({ rows: makeRows(deliveries), refused: [] }),
        sink.load(makeBatch(makeRows(deliveries), [], { sequence: 2, received: 40 })),
      ]);
      assert.equal(loaded, 20);
      assert.ok(settlements.every(({ outcome }) => outcome === "duplicate"));
      assert.deepEqual(await left(), [20, 0, 20]);
    });

    test("a line of a file, which has no receipt, is loaded and gets none", async () => {
      const deliveries = await quarantined(2);
      await database.query("preparing", "DELETE FROM maskline.receipt");
      const store = await replay();
      assert.equal((await store.write({ rows: makeRows(deliveries), refused: [] })).loaded, 2);
      assert.equal(await countRows(database, "maskline.receipt"), 0);
    });

    test("what is refused again stays, counted, and keeps what is known of its masks", async () => {
      const [good, bad] = await quarantined(2);
      assert.ok(good !== undefined && bad !== undefined);
      await database.query("preparing", `UPDATE maskline.quarantine SET masks = '{"sealed": true}'`);
      const store = await replay();
      const written = await store.write({ rows: makeRows([good]), refused: [refusal(bad)] });
      assert.deepEqual([written.loaded, written.refused.length], [1, 1]);
      const rows = await database.query(
        "looking",
        "SELECT id, replays, contract_hash, masks, replayed_at IS NOT NULL AS dated FROM maskline.quarantine",
      );
      assert.deepEqual(rows, [{ id: bad.id, replays: 1, contract_hash: "today", masks: { sealed: true }, dated: true }]);
    });

    test("a row that the table refuses stays with the constraint as its fault, and its neighbours go", async () => {
      const deliveries = await quarantined(9);
      await database.query("constraining", "ALTER TABLE user_logins ADD CONSTRAINT unlucky CHECK (user_id NOT LIKE '%3')");
      const unlucky = deliveries.filter(({ id }) => id.endsWith("3"));
      const written = await (await replay()).write({ rows: makeRows(deliveries), refused: [] });
      assert.deepEqual(
        written.refused.map(({ id, faults }) => [id, faults[0]?.reason]),
        unlucky.map(({ id }) => [id, "refused_by_database"]),
      );
      assert.deepEqual(await left(), [9 - unlucky.length, unlucky.length, 9 - unlucky.length]);
    });

    test("a rehearsal says the same and changes nothing", async () => {
      const deliveries = await quarantined(3);
      const store = await replay({ rehearses: true });
      assert.equal((await store.write({ rows: makeRows(deliveries), refused: [] })).loaded, 3);
      assert.deepEqual(await left(), [0, 3, 0]);
      assert.equal(await countRows(database, "maskline.receipt WHERE outcome = 'quarantined'"), 3);
    });

    test("a failure after the rows takes all of it back", async () => {
      const deliveries = await quarantined(3);
      await database.query(
        "breaking",
        `CREATE FUNCTION maskline.full() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER full_disk AFTER INSERT ON maskline.quarantine_exit FOR EACH ROW EXECUTE PROCEDURE maskline.full()`,
      );
      await assert.rejects((await replay()).write({ rows: makeRows(deliveries), refused: [] }), { code: "database_unreachable" });
      assert.deepEqual(await left(), [0, 3, 0]);
      await database.query("repairing", "DROP FUNCTION maskline.full CASCADE");
      assert.equal((await (await replay()).write({ rows: makeRows(deliveries), refused: [] })).loaded, 3);
    });
  });
}

function refusal(delivery: Delivery): Refusal {
  const fault = { reason: "missing", path: "ip", expected: "a value", found: "absent" } as const;
  return { delivery, id: delivery.id, faults: [fault] };
}
