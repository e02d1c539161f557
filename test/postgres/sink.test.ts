import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import type { ReceiptKey } from "../../src/postgres/receipts.ts";
import { identityConformance } from "../conformance/identity.ts";
import { sinkConformance, type SinkUnderTest } from "../conformance/sink.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import {
  connect,
  countRows,
  makeBatch,
  makeDelivery,
  makeRows,
  loginSinkOn,
  openLoginSink,
  outcomesOf,
  position,
  rowsOf,
} from "../harness/login-table.ts";

for (const engine of postgresServers()) {
  suite(`the Postgres sink on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await engine.start();
      database = connect(server.url);
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    const openWith = async (receipts: ReceiptKey): Promise<SinkUnderTest> => {
      const sink = await openLoginSink(database, "maskline", "", receipts);
      return {
        sink,
        rows: async () => {
          const rows = await database.query<{ user_id: string }>("reading", "SELECT user_id FROM user_logins");
          return rows.map(({ user_id }) => user_id);
        },
        account: async () => {
          const [account] = await readAccounts(database, "maskline", null, 1);
          if (account === undefined) return { received: 0, settled: 0, returned: 0, closed: false };
          const { received, loaded, duplicate, quarantined, returned, state } = account;
          return { received, settled: loaded + duplicate + quarantined, returned, closed: state === "closed" };
        },
        // noticed when all has been written
        breakDown: async () => {
          await database.query(
            "breaking",
            `CREATE FUNCTION maskline.full() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$`,
          );
          await database.query(
            "breaking",
            "CREATE TRIGGER full_disk AFTER INSERT ON maskline.ledger FOR EACH ROW EXECUTE PROCEDURE maskline.full()",
          );
        },
        repair: async () => void (await database.query("repairing", "DROP FUNCTION maskline.full CASCADE")),
        close: async () => {},
      };
    };
    sinkConformance(`PostgreSQL, ${engine.name}`, () => openWith("sent"));
    sinkConformance(`PostgreSQL, ${engine.name}, receipts by id`, () => openWith("id"));
    identityConformance(`PostgreSQL, ${engine.name}`, () => openWith("id"));

    test("loads rows, receipts and a ledger row in one transaction", async () => {
      const sink = await openLoginSink(database);
      const deliveries = Array.from({ length: 1_000 }, () => makeDelivery());
      const settlements = await sink.load(makeBatch(makeRows(deliveries)));
      assert.deepEqual(outcomesOf(settlements), { loaded: 1_000 });
      assert.equal(await countRows(database, "user_logins"), 1_000);
      assert.equal(await countRows(database, "maskline.receipt"), 1_000);
      await sink.closeLane(position({ sequence: 2, received: 1_000 }));
      const [account] = await readAccounts(database, "maskline", "public.user_logins", 10);
      assert.deepEqual(
        { received: account?.received, loaded: account?.loaded, difference: account?.difference, state: account?.state },
        { received: 1_000, loaded: 1_000, difference: 0, state: "closed" },
      );
    });

    test("the same batch twice has one effect", async () => {
      const sink = await openLoginSink(database);
      const deliveries = Array.from({ length: 50 }, () => makeDelivery());
      await sink.load(makeBatch(makeRows(deliveries)));
      const again = await sink.load(makeBatch(makeRows(deliveries), [], { sequence: 2, received: 100 }));
      assert.deepEqual(outcomesOf(again), { duplicate: 50 });
      assert.equal(await countRows(database, "user_logins"), 50);
    });

    test("the same message twice in one batch has one effect, also when it is refused", async () => {
      const sink = await openLoginSink(database);
      const good = makeDelivery();
      const bad = makeDelivery();
      const fault = { reason: "missing", path: "ip", expected: "text", found: "absent" } as const;
      const refusal = { delivery: bad, id: bad.id, faults: [fault] };
      const settlements = await sink.load(makeBatch(makeRows([good, { ...good, handle: "newer" }]), [refusal, refusal]));
      assert.deepEqual(outcomesOf(settlements), { loaded: 1, duplicate: 2, quarantined: 1 });
      assert.equal(await countRows(database, "user_logins"), 1);
      assert.equal(await countRows(database, "maskline.quarantine"), 1);
      const [account] = await readAccounts(database, "maskline", null, 1);
      assert.deepEqual([account?.loaded, account?.duplicate, account?.quarantined, account?.difference], [1, 2, 1, 0]);
    });

    test("a row the database refuses is quarantined with code and constraint, its neighbours are loaded", async () => {
      const check = "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))";
      const sink = await openLoginSink(database, "maskline", check);
      const deliveries = Array.from({ length: 100 }, () => makeDelivery());
      const rows = makeRows(deliveries);
      const types = rows.columns[1]?.texts().map((value, row) => (row % 40 === 7 ? "toaster" : value)) ?? [];
      const columns = rows.columns.map((column, index) => (index === 1 ? types : column));
      const settlements = await sink.load(makeBatch(rowsOf(deliveries, columns)));
      assert.deepEqual(outcomesOf(settlements), { loaded: 97, quarantined: 3 });
      assert.equal(await countRows(database, "user_logins"), 97);
      const refused = await database.query<{ reason: string; faults: unknown }>(
        "reading",
        "SELECT reason, faults FROM maskline.quarantine",
      );
      assert.equal(refused.length, 3);
      assert.equal(refused[0]?.reason, "refused_by_database");
      assert.match(JSON.stringify(refused[0]?.faults), /23514.*known_device/);
      assert.doesNotMatch(JSON.stringify(refused), /toaster/);
    });

    test("deferred constraints and rows that clash only with each other are found before the commit", async () => {
      const unique = "ALTER TABLE user_logins ADD CONSTRAINT one_login UNIQUE (user_id) DEFERRABLE INITIALLY DEFERRED";
      const sink = await openLoginSink(database, "maskline", unique);
      const deliveries = Array.from({ length: 8 }, () => makeDelivery());
      const rows = makeRows(deliveries);
      const users = rows.columns[0]?.texts().map((value, row) => (row === 6 ? (rows.columns[0]?.at(2) ?? null) : value)) ?? [];
      const settlements = await sink.load(makeBatch(rowsOf(deliveries, [users, ...rows.columns.slice(1)])));
      assert.deepEqual(outcomesOf(settlements), { loaded: 7, quarantined: 1 });
    });

    test("a target that changed under way stops the run and quarantines nothing", async () => {
      const sink = await openLoginSink(database);
      await database.query("changing", "ALTER TABLE user_logins ALTER COLUMN masked_ip TYPE varchar(4)");
      const load = sink.load(makeBatch(makeRows([makeDelivery(), makeDelivery()])));
      await assert.rejects(load, (error) => error instanceof MasklineError && error.code === "target_misfit");
      assert.equal(await countRows(database, "maskline.quarantine"), 0);
      assert.equal(await countRows(database, "maskline.receipt"), 0);
    });

    test("a missing column, a missing table and a missing right are misfits, not poison", async () => {
      const sink = await openLoginSink(database);
      await database.query("changing", "ALTER TABLE user_logins DROP COLUMN locale");
      const load = sink.load(makeBatch(makeRows([makeDelivery()])));
      await assert.rejects(
        load,
        (error) => error instanceof MasklineError && error.code === "database_refused" && !error.retryable,
      );
      assert.equal(await countRows(database, "maskline.quarantine"), 0);
    });

    test("a table that refuses every row alike stops the run and quarantines nothing; one bad row alone is quarantined", async () => {
      const closed = "ALTER TABLE user_logins ADD CONSTRAINT closed CHECK (device_type = 'none')";
      const sink = await openLoginSink(database, "maskline", closed);
      const load = sink.load(makeBatch(makeRows([makeDelivery(), makeDelivery(), makeDelivery()])));
      await assert.rejects(
        load,
        (error) => error instanceof MasklineError && error.code === "target_misfit" && /23514.*closed/.test(error.message),
      );
      assert.equal(await countRows(database, "maskline.quarantine"), 0);
      assert.equal(await countRows(database, "maskline.receipt"), 0);
      assert.deepEqual(outcomesOf(await sink.load(makeBatch(makeRows([makeDelivery()])))), { quarantined: 1 });
    });

    test("a row that a row-level security policy does not take is the row's fault; a missing right is not", async () => {
      await openLoginSink(database);
      for (const statement of [
        "DROP ROLE IF EXISTS limited",
        "CREATE ROLE limited LOGIN PASSWORD 'limited'",
        "GRANT USAGE ON SCHEMA maskline TO limited",
        "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA maskline TO limited",
        "GRANT INSERT ON user_logins TO limited",
        "ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY phones ON user_logins FOR INSERT WITH CHECK (device_type <> 'toaster')",
      ]) {
        await database.query("preparing", statement);
      }
      const url = new URL(server.url);
      [url.username, url.password] = ["limited", "limited"];
      const limited = connect(url.href);
      try {
        const sink = await loginSinkOn(limited);
        const deliveries = [makeDelivery(), makeDelivery(), makeDelivery()];
        const rows = makeRows(deliveries);
        const columns = rows.columns.map((column, index) => (index === 1 ? ["ios", "toaster", "ios"] : column));
        assert.deepEqual(outcomesOf(await sink.load(makeBatch(rowsOf(deliveries, columns)))), {
          loaded: 2,
          quarantined: 1,
        });
        await database.query("revoking", "REVOKE INSERT ON user_logins FROM limited");
        const load = sink.load(makeBatch(makeRows([makeDelivery()]), [], { sequence: 2 }));
        await assert.rejects(load, (error) => error instanceof MasklineError && error.code === "target_misfit");
        assert.equal(await countRows(database, "maskline.quarantine"), 1);
      } finally {
        await limited.close();
        await database.query("cleaning", "DROP OWNED BY limited");
        await database.query("cleaning", "DROP ROLE limited");
      }
    });

    test("what a database's own settings would change does not change: nulls, and the weight of a commit", async () => {
      for (const setting of ["array_nulls = off", "synchronous_commit = remote_write"])
        await database.query("preparing", `ALTER DATABASE postgres SET ${setting}`);
      const other = connect(server.url);
      try {
        const sink = await openLoginSink(
          other,
          "maskline",
          "ALTER TABLE user_logins ADD COLUMN weight text DEFAULT current_setting('synchronous_commit')",
        );
        await sink.load(makeBatch(makeRows([makeDelivery()], { locale: null })));
        const [row] = await other.query<{ locale: string | null; weight: string }>(
          "reading",
          "SELECT locale, weight FROM user_logins",
        );
        assert.deepEqual(row, { locale: null, weight: "on" });
      } finally {
        await other.close();
        for (const name of ["array_nulls", "synchronous_commit"])
          await database.query("restoring", `ALTER DATABASE postgres RESET ${name}`);
      }
    });

    test("text that would be SQL, and null, arrive as they are", async () => {
      const sink = await openLoginSink(database);
      const hostile = `'; DROP TABLE user_logins; --"\\{},NULL`;
      await sink.load(makeBatch(makeRows([makeDelivery()], { user_id: hostile, locale: "NULL" })));
      await sink.load(makeBatch(makeRows([makeDelivery()], { locale: null }), [], { sequence: 2, received: 2 }));
      const rows = await database.query<{ user_id: string; locale: string | null }>(
        "reading",
        "SELECT user_id, locale FROM user_logins ORDER BY locale",
      );
      assert.equal(rows[0]?.user_id, hostile);
      assert.equal(rows[0]?.locale, "NULL");
      assert.equal(rows[1]?.locale, null);
    });

    test("defaults of columns the contract does not name are kept, and dates do not depend on DateStyle", async () => {
      await database.query("preparing", `ALTER DATABASE postgres SET datestyle = 'SQL, DMY'`);
      const other = connect(server.url);
      try {
        const sink = await openLoginSink(
          other,
          "maskline",
          "ALTER TABLE user_logins ADD COLUMN id serial, ADD COLUMN noted text DEFAULT 'yes'",
        );
        await sink.load(makeBatch(makeRows([makeDelivery()], { create_date: "2026-02-03" })));
        const [row] = await other.query<{ id: number; noted: string; day: string }>(
          "reading",
          "SELECT id, noted, to_char(create_date, 'YYYY-MM-DD') AS day FROM user_logins",
        );
        assert.deepEqual(row, { id: 1, noted: "yes", day: "2026-02-03" });
      } finally {
        await other.close();
        await database.query("restoring", "ALTER DATABASE postgres RESET datestyle");
      }
    });

    test("two sinks that share messages load each once, whatever the order", async () => {
      const sink = await openLoginSink(database);
      const deliveries = Array.from({ length: 400 }, () => makeDelivery());
      const other = [...deliveries].reverse();
      const [first, second] = await Promise.all([
        sink.load(makeBatch(makeRows(deliveries))),
        sink.load(makeBatch(makeRows(other), [], { lane: 1 })),
      ]);
      const sum = (outcome: "loaded" | "duplicate"): number =>
        (outcomesOf(first)[outcome] ?? 0) + (outcomesOf(second)[outcome] ?? 0);
      assert.deepEqual([sum("loaded"), sum("duplicate")], [400, 400]);
      assert.equal(await countRows(database, "user_logins"), 400);
    });

    test("works under another schema's name and quoted identifiers", async () => {
      const sink = await openLoginSink(database, 'Odd "schema');
      const settlements = await sink.load(makeBatch(makeRows([makeDelivery()])));
      assert.deepEqual(outcomesOf(settlements), { loaded: 1 });
    });
  });
}
