import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import type { Batch } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import type { PostgresSink } from "../../src/postgres/sink.ts";
import type { ColumnDemand } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, makeBatch, makeDelivery, outcomesOf, rowsOf } from "../harness/login-table.ts";
import { openSinkOn, otherwise, plainClient } from "./databases.ts";

/** Enough for a COPY. */
const count = 200;
const table = { schema: "public", table: 'odd "things' };
const tableSql = '"odd ""things"';
const demands: readonly ColumnDemand[] = [
  { name: "a, b", form: "text", longest: 20, mayBeNull: false },
  { name: "n", form: "integer", longest: null, mayBeNull: true },
];

let sequence = 0;

function batchOf(numbers: (row: number) => string = (row) => String(row)): Batch {
  const deliveries = Array.from({ length: count }, () => makeDelivery());
  const columns = [deliveries.map(({ id }) => id), deliveries.map((_, row) => numbers(row))];
  sequence += 1;
  return makeBatch(rowsOf(deliveries, columns), [], { sequence });
}

for (const engine of postgresServers()) {
  suite(`rows that may go by COPY on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      server = await engine.start({ settings: { log_statement: "all" } });
      database = connect(server.url);
      admin = await plainClient(server.url);
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    async function openSink(through: Database = database, also: string = ""): Promise<PostgresSink> {
      await admin.query(`DROP SCHEMA IF EXISTS maskline CASCADE; DROP TABLE IF EXISTS ${tableSql}, elsewhere CASCADE;
        CREATE TABLE ${tableSql} (place serial, "a, b" varchar(20) NOT NULL, n integer, late integer DEFAULT 7); ${also}`);
      return openSinkOn(through, table, demands);
    }

    /** Whether the rows of a load went by COPY: without a trace of it, an INSERT of the same rows looks alike. */
    async function copies(work: () => Promise<void>): Promise<number> {
      await admin.query(`CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF current_query() LIKE 'COPY %' THEN PERFORM nextval('noted'); END IF; RETURN NULL; END $$;
        DROP SEQUENCE IF EXISTS noted; CREATE SEQUENCE noted; SELECT nextval('noted');
        CREATE TRIGGER note AFTER INSERT ON ${tableSql} FOR EACH STATEMENT EXECUTE PROCEDURE note()`);
      await work();
      const { rows } = await admin.query<{ copies: number }>("SELECT last_value::int - 1 AS copies FROM noted");
      await admin.query(`DROP TRIGGER IF EXISTS note ON ${tableSql}`);
      return rows[0]?.copies ?? -1;
    }

    test("go by COPY, with defaults, triggers and the order of the batch as in an INSERT", async () => {
      const sink = await openSink();
      const batch = batchOf();
      const copied = await copies(async () => assert.deepEqual(outcomesOf(await sink.load(batch)), { loaded: count }));
      assert.equal(copied, 1);
      const { rows } = await admin.query<{ key: string; n: number; place: number; late: number }>(
        `SELECT "a, b" AS key, n, place, late FROM ${tableSql} ORDER BY place`,
      );
      assert.deepEqual(
        rows,
        batch.rows.ids.map((key, row) => ({ key, n: row, place: row + 1, late: 7 })),
      );
    });

    test("only those that are new, whatever is known of the others", async () => {
      const sink = await openSink();
      for (const share of [0, 1, 60, count - 1, count]) {
        const [known, fresh] = [batchOf(), batchOf()];
        await sink.load(known);
        const before = await countRows(database, tableSql);
        const deliveries = fresh.rows.deliveries.map((delivery, row) =>
          (row * 7) % count < share ? (known.rows.deliveries[row] ?? delivery) : delivery,
        );
        const columns = [deliveries.map(({ id }) => id), deliveries.map((_, row) => String(row))];
        sequence += 1;
        const settlements = await sink.load(makeBatch(rowsOf(deliveries, columns), [], { sequence }));
        for (const { delivery, outcome } of settlements) {
          assert.equal(outcome, known.rows.deliveries.includes(delivery) ? "duplicate" : "loaded");
        }
        assert.equal(await countRows(database, tableSql), before + count - share);
      }
      const { rows } = await admin.query(`SELECT "a, b" FROM ${tableSql} GROUP BY 1 HAVING count(*) > 1`);
      assert.deepEqual(rows, []);
    });

    test("go by a statement where a text is in another form than COPY knows", async () => {
      const sink = await openSink();
      const copied = await copies(async () => {
        assert.deepEqual(outcomesOf(await sink.load(batchOf((row) => (row === 60 ? " 60" : String(row))))), { loaded: count });
      });
      assert.equal(copied, 0);
      const { rows } = await admin.query<{ sum: number }>(`SELECT sum(n)::int AS sum FROM ${tableSql}`);
      assert.equal(rows[0]?.sum, (count * (count - 1)) / 2);
    });

    test("go by a statement where row-level security keeps COPY out, or a rule would not be followed", async () => {
      await admin.query("DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN SUPERUSER PASSWORD 'writer'");
      const writer = connect(otherwise(server.url, { user: "writer", password: "writer" }));
      try {
        const closed = `ALTER TABLE ${tableSql} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${tableSql} FORCE ROW LEVEL SECURITY;
          CREATE POLICY few ON ${tableSql} FOR INSERT WITH CHECK (n < 1000); ALTER TABLE ${tableSql} OWNER TO writer`;
        const sink = await openSink(writer, closed);
        await admin.query(`ALTER SCHEMA maskline OWNER TO writer; ALTER ROLE writer NOSUPERUSER;
          GRANT ALL ON ALL TABLES IN SCHEMA maskline TO writer; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, maskline TO writer`);
        assert.deepEqual(outcomesOf(await sink.load(batchOf())), { loaded: count });
        assert.deepEqual(outcomesOf(await sink.load(batchOf((row) => (row === 9 ? "1000" : "1")))), {
          loaded: count - 1,
          quarantined: 1,
        });
      } finally {
        await writer.close();
      }
      const ruled = await openSink(
        database,
        `CREATE TABLE elsewhere (key text); CREATE RULE away AS ON INSERT TO ${tableSql} DO INSTEAD INSERT INTO elsewhere VALUES (NEW."a, b")`,
      );
      assert.deepEqual(outcomesOf(await ruled.load(batchOf())), { loaded: count });
      assert.equal(await countRows(database, "elsewhere"), count);
    });

    // four bytes of an integer are a text, too: what is written must not depend on when the table was looked at
    for (const [change, sum] of [
      [`ALTER TABLE ${tableSql} ALTER n TYPE text`, "SELECT sum(n::int)::int"],
      [`ALTER TABLE ${tableSql} ALTER n TYPE bigint`, "SELECT sum(n)::int"],
      [`ALTER TABLE ${tableSql} ALTER n TYPE real`, "SELECT sum(n)::int"],
      [
        `ALTER TABLE ${tableSql} RENAME TO former; CREATE TABLE ${tableSql} (LIKE former); ALTER TABLE ${tableSql} ALTER n TYPE text; DROP TABLE former CASCADE;
        ALTER TABLE ${tableSql} ALTER place DROP NOT NULL`,
        "SELECT sum(n::int)::int",
      ],
      [`CREATE RULE none AS ON INSERT TO ${tableSql} WHERE NEW.n < 0 DO INSTEAD NOTHING`, "SELECT sum(n)::int"],
    ] as const) {
      test(`are what they were when the table has changed under way: ${change.replace(/\s+/g, " ").slice(0, 60)}`, async () => {
        const sink = await openSink();
        await sink.load(batchOf());
        await admin.query(`TRUNCATE ${tableSql}; ${change}`);
        // as text, these integers are letters
        const number = (row: number): number => 1_094_795_585 + (row % 20);
        assert.deepEqual(outcomesOf(await sink.load(batchOf((row) => String(row < 100 ? row : number(row) - 1_094_795_000)))), {
          loaded: count,
        });
        const expected = Array.from({ length: count }, (_, row) => (row < 100 ? row : number(row) - 1_094_795_000));
        const { rows } = await admin.query<{ sum: number }>(`${sum} AS sum FROM ${tableSql}`);
        assert.equal(
          rows[0]?.sum,
          expected.reduce((all, one) => all + one, 0),
        );
        const letters = batchOf((row) => String(number(row)));
        assert.deepEqual(outcomesOf(await sink.load(letters)), { loaded: count });
        assert.equal(await countRows(database, "maskline.quarantine"), 0);
      });
    }

    test("that are letters as bytes are numbers still", async () => {
      const sink = await openSink();
      await sink.load(batchOf());
      await admin.query(`TRUNCATE ${tableSql}; ALTER TABLE ${tableSql} ALTER n TYPE text`);
      assert.deepEqual(outcomesOf(await sink.load(batchOf(() => "1094795585"))), { loaded: count });
      const { rows } = await admin.query(`SELECT DISTINCT n FROM ${tableSql}`);
      assert.deepEqual(rows, [{ n: "1094795585" }]);
    });
  });
}
