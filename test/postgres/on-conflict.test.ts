import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import { checkSkipping } from "../../src/postgres/conflicts.ts";
import type { Database } from "../../src/postgres/database.ts";
import { findMessage, readAccounts } from "../../src/postgres/ledger.ts";
import type { PostgresSink } from "../../src/postgres/sink.ts";
import type { ColumnDemand } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, makeBatch, makeDelivery, outcomesOf, rowsOf } from "../harness/login-table.ts";
import { openSinkOn, otherwise, plainClient } from "./databases.ts";

const table = { schema: "public", table: "things" };
const demands: readonly ColumnDemand[] = [
  { name: "key", form: "text", longest: 20, mayBeNull: false },
  { name: "value", form: "integer", longest: null, mayBeNull: true },
];

for (const engine of postgresServers()) {
  suite(`rows that clash with the table's own keys, on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    async function openSink(onConflict: "refuse" | "skip", through: Database = database): Promise<PostgresSink> {
      await admin.query(`DROP TABLE IF EXISTS things; DROP SCHEMA IF EXISTS maskline CASCADE;
        CREATE TABLE things (key text CONSTRAINT one_key UNIQUE, value integer CHECK (value <> 13));
        INSERT INTO things VALUES ('there', 1)`);
      return openSinkOn(through, table, demands, { skipConflicts: onConflict === "skip" });
    }

    const batchOf = (keys: readonly string[], values: readonly string[] = keys.map(() => "2")): ReturnType<typeof makeBatch> =>
      makeBatch(
        rowsOf(
          keys.map(() => makeDelivery()),
          [keys, values],
        ),
      );

    test("refuse quarantines them with code and constraint", async () => {
      const sink = await openSink("refuse");
      assert.deepEqual(outcomesOf(await sink.load(batchOf(["a", "there", "b", "a"]))), { loaded: 2, quarantined: 2 });
      const { rows } = await admin.query<{ reason: string; found: string }>(
        "SELECT reason, faults -> 0 ->> 'found' AS found FROM maskline.quarantine",
      );
      assert.deepEqual(
        new Set(rows.map(({ reason, found }) => `${reason}: ${found}`)),
        new Set(["refused_by_database: SQLSTATE 23505, constraint one_key"]),
      );
    });

    test("refuse stops the run where every row clashes, and says what else can be done", async () => {
      const sink = await openSink("refuse");
      await assert.rejects(
        sink.load(batchOf(["there", "there"])),
        (error) => error instanceof MasklineError && error.code === "target_misfit" && /on_conflict: skip/.test(error.next ?? ""),
      );
    });

    test("skip leaves what is there, counts duplicates, and keeps the receipts", async () => {
      const sink = await openSink("skip");
      const batch = batchOf(["a", "there", "b", "a"], ["2", "3", "4", "5"]);
      assert.deepEqual(outcomesOf(await sink.load(batch)), { loaded: 2, duplicate: 2 });
      const { rows } = await admin.query("SELECT key, value FROM things ORDER BY key");
      assert.deepEqual(rows, [
        { key: "a", value: 2 },
        { key: "b", value: 4 },
        { key: "there", value: 1 },
      ]);
      assert.equal(await countRows(database, "maskline.receipt"), 4);
      const [place] = await findMessage(database, "maskline", batch.rows.ids[1] as string);
      assert.equal(place?.outcome, "loaded");
      // taken out of the table by its owner: still not loaded again
      await admin.query("DELETE FROM things");
      const again = await sink.load({ ...batch, position: { ...batch.position, sequence: 2, received: 8 } });
      assert.deepEqual(outcomesOf(again), { duplicate: 4 });
      const [account] = await readAccounts(database, "maskline", null, 1);
      assert.deepEqual(
        [account?.received, account?.loaded, account?.duplicate, account?.quarantined, account?.difference],
        [8, 2, 6, 0, 0],
      );
    });

    test("skip still finds the rows that are refused for something else, among many that clash", async () => {
      const sink = await openSink("skip");
      const keys = Array.from({ length: 1_000 }, (_, row) => (row % 3 === 0 ? "there" : `key ${row >> 1}`));
      const values = keys.map((_, row) => (row % 100 === 51 ? "13" : "2"));
      const batch = batchOf(keys, values);
      const settlements = await sink.load(batch);
      const stored = new Set(keys.filter((_, row) => values[row] !== "13"));
      assert.deepEqual(outcomesOf(settlements), {
        loaded: stored.size - 1,
        quarantined: 10,
        duplicate: 1_000 - 10 - (stored.size - 1),
      });
      assert.deepEqual(
        settlements
          .filter(({ outcome }) => outcome === "quarantined")
          .map(({ delivery }) => batch.rows.deliveries.indexOf(delivery)),
        Array.from({ length: 10 }, (_, index) => index * 100 + 51),
      );
      const [account] = await readAccounts(database, "maskline", null, 1);
      assert.deepEqual([account?.loaded, account?.quarantined, account?.difference], [stored.size - 1, 10, 0]);
      assert.equal(await countRows(database, "things"), stored.size);
    });

    test("skip finds those that only a trigger after the row refuses", async () => {
      const sink = await openSink("skip");
      await admin.query(`CREATE OR REPLACE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.value = 7 THEN RAISE EXCEPTION 'seven'; END IF; RETURN NULL; END $$;
        CREATE TRIGGER late AFTER INSERT ON things FOR EACH ROW EXECUTE PROCEDURE late()`);
      // the one that clashes is not inserted, so the trigger does not see it
      const settlements = await sink.load(batchOf(["a", "there", "c", "a"], ["2", "7", "7", "7"]));
      assert.deepEqual(outcomesOf(settlements), { loaded: 1, duplicate: 2, quarantined: 1 });
    });

    test("neither needs more than the right to insert", async () => {
      for (const onConflict of ["refuse", "skip"] as const) {
        await openSink(onConflict);
        await admin.query(`DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN PASSWORD 'writer'; GRANT INSERT (key, value) ON things TO writer;
          GRANT USAGE ON SCHEMA maskline TO writer;
          GRANT SELECT ON maskline.migration TO writer;
          GRANT SELECT, INSERT ON maskline.pipeline, maskline.receipt, maskline.ledger, maskline.ledger_reason, maskline.trip TO writer;
          GRANT INSERT ON maskline.quarantine, maskline.token_alias TO writer`);
        const limited = connect(otherwise(server.url, { user: "writer", password: "writer" }));
        try {
          const sink = await openSinkOn(limited, table, demands, { skipConflicts: onConflict === "skip" });
          const outcomes = outcomesOf(await sink.load(batchOf(["a", "there", "b"], ["2", "2", "13"])));
          assert.deepEqual(
            outcomes,
            onConflict === "skip" ? { loaded: 1, duplicate: 1, quarantined: 1 } : { loaded: 1, quarantined: 2 },
          );
        } finally {
          await limited.close();
          await admin.query("DROP OWNED BY writer; DROP ROLE writer");
        }
      }
    });

    test("what cannot be skipped is said before the first message", async () => {
      await openSink("skip");
      await checkSkipping(database, table);
      await admin.query("ALTER TABLE things ADD CONSTRAINT late_key UNIQUE (value) DEFERRABLE");
      await assert.rejects(checkSkipping(database, table), (error) => {
        assert.ok(error instanceof MasklineError);
        assert.equal(error.code, "target_misfit");
        assert.deepEqual(error.details, ["constraint late_key: is DEFERRABLE; clashes with it cannot be skipped"]);
        return true;
      });
      await admin.query("DROP TABLE things; CREATE TABLE things (key text, value integer) PARTITION BY LIST (value)");
      const partitioned = checkSkipping(database, table);
      if (server.version.startsWith("10.")) await assert.rejects(partitioned, { code: "target_misfit" });
      else await partitioned;
    });
  });
}
