import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { inspect } from "node:util";

import fc from "fast-check";
import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import { loadStatements } from "../../src/postgres/load-statement.ts";
import { quoteName } from "../../src/postgres/names.ts";
import { registerPipeline } from "../../src/postgres/pipelines.ts";
import { findByHalving, findRefusedRows } from "../../src/postgres/refused-rows.ts";
import type { PostgresSink, PostgresSinkOptions } from "../../src/postgres/sink.ts";
import { checkTarget, type ColumnDemand } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, makeBatch, makeDelivery, outcomesOf, position, rowsOf } from "../harness/login-table.ts";
import { countAttempts } from "./attempts.ts";
import { openSinkOn, otherwise, plainClient } from "./databases.ts";

/** What one column refuses, and how: every way in which PostgreSQL says which row it was, or does not. */
const columns = {
  checked: { type: "integer NOT NULL CHECK (checked <> 13)", form: "integer" },
  short: { type: "varchar(5)", form: "text" },
  parent: { type: "integer REFERENCES parent", form: "integer" },
  single: { type: "text UNIQUE", form: "text" },
  late: { type: "text UNIQUE DEFERRABLE INITIALLY DEFERRED", form: "text" },
  apart: { type: "text, EXCLUDE (apart WITH =)", form: "text" },
  before: { type: "text", form: "text" },
  afterwards: { type: "text", form: "text" },
} as const satisfies Readonly<Record<string, { type: string; form: ColumnDemand["form"] }>>;

const table = { schema: "public", table: 'odd "things' };
const tableSql = quoteName(table.table);
const names = Object.keys(columns);
const demands: readonly ColumnDemand[] = Object.entries(columns).map(([name, { form }]) => ({
  name,
  form,
  longest: 5,
  mayBeNull: name !== "checked",
}));

const prepareSql = `
DROP TABLE IF EXISTS ${tableSql}, parent CASCADE;
DROP SCHEMA IF EXISTS maskline CASCADE;
CREATE TABLE parent (id integer PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE ${tableSql} (position serial, ${Object.entries(columns)
  .map(([name, { type }]) => `${name} ${type}`)
  .join(", ")});
CREATE OR REPLACE FUNCTION refuse_before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.before = 'boom' THEN RAISE EXCEPTION '%', NEW.before; END IF;
  -- says CHECK, and depends on the rows before it
  IF NEW.before = 'two' AND (SELECT count(*) >= 2 FROM ${tableSql} WHERE before = 'two') THEN
    RAISE EXCEPTION 'COPY ${table.table}, line 1' USING ERRCODE = 'check_violation'; END IF;
  RETURN NEW; END $$;
CREATE OR REPLACE FUNCTION refuse_after() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.afterwards = 'boom' THEN RAISE EXCEPTION '%', NEW.afterwards; END IF; RETURN NULL; END $$;
CREATE TRIGGER refuse_after AFTER INSERT ON ${tableSql} FOR EACH ROW EXECUTE PROCEDURE refuse_after();`;

/** With a trigger before each row COPY inserts row by row, without one in groups: both are common, and differ in when a row is refused. */
const beforeSql = `CREATE TRIGGER refuse_before BEFORE INSERT ON ${tableSql} FOR EACH ROW EXECUTE PROCEDURE refuse_before()`;

type Row = readonly (string | null)[];

const spoof = `1\nCOPY ${table.table}, line 1: "`;
const some = (...values: readonly (string | null)[]): fc.Arbitrary<string | null> => fc.constantFrom(...values);
/** Mostly good; of two columns with few values, rows clash with each other. */
const cell: Readonly<Record<keyof typeof columns, fc.Arbitrary<string | null>>> = {
  checked: fc.oneof({ weight: 12, arbitrary: some("1", "2") }, some("13", "x", "99999999999", null, spoof, "1\n")),
  short: fc.oneof({ weight: 12, arbitrary: some("a", "12345", "ab       ", "\\N", null) }, some("123456", "12345\nCOPY")),
  parent: fc.oneof({ weight: 12, arbitrary: some("1", "2", null) }, some("3")),
  single: fc.oneof({ weight: 6, arbitrary: some(null) }, some("a", "b", "c")),
  late: fc.oneof({ weight: 6, arbitrary: some(null) }, some("a", "b", "c")),
  apart: fc.oneof({ weight: 6, arbitrary: some(null) }, some("a", "b", "c")),
  before: fc.oneof({ weight: 12, arbitrary: some(null) }, some("boom", "two", "two")),
  afterwards: fc.oneof({ weight: 16, arbitrary: some(null) }, some("boom")),
};
const good: Row = names.map((name) => (name === "checked" ? "1" : null));
const oneRow: fc.Arbitrary<Row> = fc.tuple(...names.map((name) => cell[name as keyof typeof columns]));

for (const engine of postgresServers()) {
  suite(`refused rows on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    async function openSink(
      extra: string = "",
      choices: Pick<PostgresSinkOptions, "search"> = {},
      through: Database = database,
    ): Promise<PostgresSink> {
      await admin.query(prepareSql);
      if (extra !== "") await admin.query(extra);
      return openSinkOn(through, table, demands, choices);
    }

    /** The places of the rows that a plain INSERT of each, one after the other, does not take. The table is as it was afterwards. */
    async function refusedOneByOne(rows: readonly Row[]): Promise<readonly number[]> {
      const refused: number[] = [];
      const insert = `INSERT INTO ${tableSql} (${names.join(", ")}) VALUES (${names.map((_, index) => `$${index + 1}`).join(", ")})`;
      await admin.query("BEGIN; SET CONSTRAINTS ALL IMMEDIATE");
      for (const [place, row] of rows.entries()) {
        await admin.query("SAVEPOINT one");
        await admin.query(insert, [...row]).catch(async () => {
          refused.push(place);
          await admin.query("ROLLBACK TO SAVEPOINT one");
        });
      }
      await admin.query("ROLLBACK");
      return refused;
    }

    const columnsOf = (rows: readonly Row[]): (string | null)[][] =>
      names.map((_, column) => rows.map((row) => row[column] ?? null));
    const batchOf = (rows: readonly Row[]): ReturnType<typeof makeBatch> =>
      makeBatch(
        rowsOf(
          rows.map(() => makeDelivery()),
          columnsOf(rows),
        ),
      );

    async function quarantinedPlaces(sink: PostgresSink, rows: readonly Row[]): Promise<readonly number[]> {
      const batch = batchOf(rows);
      const settlements = await sink.load(batch);
      assert.equal(settlements.length, rows.length);
      const place = new Map(batch.rows.deliveries.map((delivery, index) => [delivery, index]));
      return settlements.flatMap(({ delivery, outcome }) => (outcome === "quarantined" ? [place.get(delivery) as number] : []));
    }

    // What clashes depends on the order: of rows that clash with each other the first stays, as it does when they come one by one.
    for (const [way, extra, choices] of [
      ["by COPY's line", "", {}],
      ["by COPY's line, with a trigger before each row", beforeSql, {}],
      ["by halving alone", beforeSql, { search: findByHalving }],
    ] as const) {
      test(`${way}, what is quarantined is what the table refuses row by row`, { timeout: 120_000 }, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(oneRow, { maxLength: 40 }), fc.array(oneRow, { maxLength: 4 }), async (rows, stored) => {
            const sink = await openSink(extra, choices);
            const there = [good, ...stored];
            for (const place of await refusedOneByOne(there)) there.splice(place, 1, good);
            await sink.load({ ...batchOf(there), position: { ...batchOf([]).position, sequence: 9 } });
            const all = [...rows, good];
            const expected = await refusedOneByOne(all);
            assert.deepEqual([...(await quarantinedPlaces(sink, all))].sort(byNumber), expected);
            assert.equal(await countRows(database, tableSql), there.length + all.length - expected.length);
          }),
          { numRuns: engine.name === "embedded" ? 40 : 12 },
        );
      });
    }

    test("a row is not refused for another one that is refused itself", async () => {
      const row = (parts: Partial<Record<keyof typeof columns, string>>): Row =>
        names.map((name, index) => parts[name as keyof typeof columns] ?? good[index] ?? null);
      const sink = await openSink(beforeSql);
      // what the first of each breaks is found last: the others were refused before that
      const cases: readonly (readonly Row[])[] = [
        [row({ single: "a", parent: "7" }), row({ single: "a" }), row({ single: "a" })],
        [row({ apart: "a", afterwards: "boom" }), row({ apart: "a" })],
        [row({ before: "two", afterwards: "boom" }), row({ before: "two" }), row({ before: "two" }), row({ before: "two" })],
      ];
      const expected = [[0, 2], [0], [0, 3]];
      for (const [index, rows] of cases.entries()) {
        assert.deepEqual(await refusedOneByOne(rows), expected[index]);
        assert.deepEqual(
          (await find(database, rows)).refused.map(({ place }) => place),
          expected[index],
        );
      }
      assert.deepEqual(await quarantinedPlaces(sink, cases.flat()), [0, 2, 3, 5, 8]);
    });

    test("where COPY's words are not understood, its rows are halved", async () => {
      await openSink(beforeSql);
      const speechless: Pick<Database, "transaction"> = {
        transaction: (doing, work, options) =>
          database.transaction(
            doing,
            (query, prelude, copyIn, first) =>
              work(
                query,
                prelude,
                (sql, rows) =>
                  copyIn(sql, rows).catch((error: object) => {
                    throw Object.assign(error, { where: `${table.table}のCOPY、行 1` });
                  }),
                first,
              ),
            options,
          ),
      };
      const rows = Array.from({ length: 300 }, (_, row): Row => [
        row % 40 === 9 ? "13" : "1",
        null,
        null,
        `key ${row % 290}`,
        ...good.slice(4),
      ]);
      const count = countAttempts(speechless);
      const found = await find(count.database, rows);
      assert.deepEqual(
        found.refused.map(({ place }) => place),
        await refusedOneByOne(rows),
      );
      assert.equal(found.refused.length, 17);
      assert.ok(count.copies() > found.refused.length * 2, "by halves");
      assert.equal(count.queries(), 2, "COPY does it");
    });

    test("rows are found in partitions, and by enums and domains, as elsewhere", async () => {
      await admin.query(`DROP TABLE IF EXISTS parted; DROP TYPE IF EXISTS mood; DROP DOMAIN IF EXISTS small; DROP SCHEMA IF EXISTS maskline CASCADE;
        CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN small AS integer NOT NULL CHECK (VALUE < 10);
        CREATE TABLE parted (place integer, mood mood, small small, key text) PARTITION BY LIST (place);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
        CREATE UNIQUE INDEX ON parted_1 (key); ALTER TABLE parted_2 ADD CHECK (key <> 'no')`);
      const wanted = (["place", "mood", "small", "key"] as const).map((name) => ({
        name,
        form: name === "place" || name === "small" ? ("integer" as const) : ("text" as const),
        longest: 9,
        mayBeNull: name !== "small",
      }));
      const sink = await openSinkOn(database, { schema: "public", table: "parted" }, wanted);
      const rows = [
        ["1", "good", "1", "a"],
        ["2", "good", "1", "a"],
        ["3", "good", "1", "b"],
        ["1", "angry", "1", "c"],
        ["1", "bad", "10", "d"],
        ["1", "bad", null, "e"],
        ["2", "bad", "9", "no"],
        ["1", "bad", "1", "a"],
        ["1", "bad", "1", "f"],
      ];
      const deliveries = rows.map(() => makeDelivery());
      const settlements = await sink.load(
        makeBatch(
          rowsOf(
            deliveries,
            wanted.map((_, column) => rows.map((row) => row[column] ?? null)),
          ),
        ),
      );
      const loaded = settlements.flatMap(({ delivery, outcome }) => (outcome === "loaded" ? [deliveries.indexOf(delivery)] : []));
      assert.deepEqual(loaded, [0, 1, 8]);
    });

    // beside the COPYs it is asked which rows are new, and at the end whether the table is still what it was
    test("one in a hundred costs one COPY each, and one for the rest", async () => {
      await openSink();
      const rows = Array.from({ length: 1_000 }, (_, row) => (row % 100 === 37 ? ["13", ...good.slice(1)] : good));
      const count = countAttempts(database);
      const found = await find(count.database, rows);
      assert.deepEqual(
        found.refused.map(({ place }) => place),
        Array.from({ length: 10 }, (_, index) => index * 100 + 37),
      );
      assert.deepEqual({ copies: count.copies(), queries: count.queries() }, { copies: 11, queries: 2 });
      for (const { failure } of found.refused) assert.equal(failure.sqlState, "23514");
    });

    test("five hundred of a thousand that clash with the others are found in one search, and one load writes the rest", async () => {
      const rows = Array.from({ length: 1_000 }, (_, row): Row => ["1", null, null, `key ${row >> 1}`, ...good.slice(4)]);
      const sink = await openSink();
      const count = countAttempts(database);
      const found = await find(count.database, rows);
      assert.deepEqual([found.tried, found.refused.length], [1_000, 500]);
      assert.ok(count.copies() < 2_000, `${count.copies()} COPYs`);
      assert.equal(count.queries(), 2, "nothing is left to find by INSERT");
      assert.deepEqual(outcomesOf(await sink.load(batchOf(rows))), { loaded: 500, quarantined: 500 });
      // and where all clash in a ring: each with the one before it, on one key or the other
      const ring = Array.from({ length: 1_000 }, (_, row): Row => [
        "1",
        null,
        null,
        `a ${row >> 1}`,
        `b ${(row + 1) >> 1}`,
        ...good.slice(5),
      ]);
      const expected = await refusedOneByOne(ring);
      assert.deepEqual(await quarantinedPlaces(await openSink(), ring), expected);
    });

    async function find(through: Pick<Database, "transaction">, rows: readonly Row[]): ReturnType<typeof findRefusedRows> {
      const statements = loadStatements("maskline", table, await checkTarget(database, table, demands));
      const pipeline = await registerPipeline(database, "maskline", "finding");
      return findRefusedRows(
        through,
        statements,
        pipeline,
        rowsOf(
          rows.map(() => makeDelivery()),
          columnsOf(rows),
        ),
      );
    }

    test("rows that have been loaded already are not tried, and do not speak for their neighbours", async () => {
      const sink = await openSink();
      const old = batchOf([good, good, good]);
      await sink.load(old);
      await admin.query(`ALTER TABLE ${tableSql} ADD CONSTRAINT closed CHECK (checked > 99) NOT VALID`);
      const fresh = batchOf([good, good]);
      const deliveries = [...old.rows.deliveries, ...fresh.rows.deliveries];
      const load = sink.load(makeBatch(rowsOf(deliveries, columnsOf(deliveries.map(() => good))), [], { sequence: 2 }));
      await assert.rejects(load, (error) => error instanceof MasklineError && error.code === "target_misfit");
      assert.equal(await countRows(database, "maskline.quarantine"), 0);
      const one = makeBatch(
        rowsOf([makeDelivery(), ...old.rows.deliveries], columnsOf([["100", ...good.slice(1)], good, good, good])),
      );
      assert.deepEqual(outcomesOf(await sink.load({ ...one, position: { ...one.position, sequence: 2 } })), {
        loaded: 1,
        duplicate: 3,
      });
    });

    test("a new NOT NULL column refuses every row: the run stops and nothing is quarantined", async () => {
      const sink = await openSink();
      await admin.query(`ALTER TABLE ${tableSql} ADD COLUMN fresh text NOT NULL`);
      for (const rows of [[good], [good, good, good]]) {
        await assert.rejects(sink.load(batchOf(rows)), (error) => {
          assert.ok(error instanceof MasklineError);
          assert.equal(error.code, "target_misfit");
          assert.match(error.details.join("; "), /fresh.*NOT NULL/);
          return true;
        });
      }
      assert.equal(await countRows(database, "maskline.quarantine"), 0);
      assert.equal(await countRows(database, "maskline.receipt"), 0);
    });

    test("a value that is too large for its index is refused as a row, and its neighbours are loaded", async () => {
      const sink = await openSink();
      const large = randomBytes(9_000).toString("base64");
      const rows = ["a", large, "b", "a"].map((single): Row => ["1", null, null, single, ...good.slice(4)]);
      assert.deepEqual(await quarantinedPlaces(sink, rows), [1, 3]);
      const { rows: found } = await admin.query<{ found: string }>(
        "SELECT faults -> 0 ->> 'found' AS found FROM maskline.quarantine ORDER BY found",
      );
      assert.match(found[1]?.found ?? "", /54000/);
    });

    test("a foreign key and a unique constraint that are checked at the commit are checked before it", async () => {
      const sink = await openSink(
        `ALTER TABLE ${tableSql} ADD FOREIGN KEY (parent) REFERENCES parent DEFERRABLE INITIALLY DEFERRED;
         ALTER TABLE ${tableSql} ADD UNIQUE (short) DEFERRABLE INITIALLY DEFERRED`,
      );
      await admin.query(`ALTER TABLE ${tableSql} DROP CONSTRAINT ${quoteName('odd "things_parent_fkey')}`);
      const row = (short: string, parent: string): Row => ["1", short, parent, ...good.slice(3)];
      const rows = [row("a", "1"), row("b", "7"), row("a", "2"), row("c", "2"), row("b", "1")];
      assert.deepEqual(await quarantinedPlaces(sink, rows), [1, 2]);
      const { rows: faults } = await admin.query<{ found: string }>(
        "SELECT faults -> 0 ->> 'found' AS found FROM maskline.quarantine ORDER BY found",
      );
      assert.match(faults[0]?.found ?? "", /23503/);
      assert.match(faults[1]?.found ?? "", /23505/);
    });

    test("where row-level security keeps COPY out, rows are found by INSERT", async () => {
      await openSink();
      await admin.query(`DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN PASSWORD 'limited';
        GRANT USAGE ON SCHEMA maskline TO limited; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA maskline TO limited;
        GRANT INSERT ON ${tableSql} TO limited; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO limited;
        ALTER TABLE ${tableSql} ENABLE ROW LEVEL SECURITY;
        CREATE POLICY ours ON ${tableSql} FOR INSERT WITH CHECK (short IS NULL OR short <> 'not')`);
      const limited = connect(otherwise(server.url, { user: "limited", password: "limited" }));
      try {
        const count = countAttempts(limited);
        const rows = Array.from({ length: 100 }, (_, row): Row => ["1", row % 50 === 9 ? "not" : "yes", ...good.slice(2)]);
        const found = await find(count.database, rows);
        assert.deepEqual(
          found.refused.map(({ place, failure }) => [place, failure.sqlState]),
          [
            [9, "42501"],
            [59, "42501"],
          ],
        );
        assert.equal(count.copies(), 1, "COPY is asked once");
      } finally {
        await limited.close();
        await admin.query("DROP OWNED BY limited; DROP ROLE limited");
      }
    });

    test("nothing of what COPY says about a row is in the quarantine, or in an error", async () => {
      const secret = "canary-7f31";
      const sink = await openSink(beforeSql);
      await admin.query(`ALTER TABLE ${tableSql} ALTER COLUMN short TYPE text`);
      const row = (checked: string, before: string | null = null): Row => [checked, secret, ...good.slice(2, 6), before, null];
      await sink.load(batchOf([good, row("13"), row(`${secret}x`), row("1", "boom"), row(spoof), row("1")]));
      const { rows: kept } = await admin.query<{ line: string }>("SELECT to_json(q)::text AS line FROM maskline.quarantine AS q");
      assert.equal(kept.length, 4);
      assert.doesNotMatch(inspect(kept), /canary|COPY|line 1/);
      await admin.query(`ALTER TABLE ${tableSql} ADD CONSTRAINT closed CHECK (short <> '${secret}') NOT VALID`);
      const alike = { ...batchOf([row("1"), row("1")]), position: position({ sequence: 2, received: 8 }) };
      const error: unknown = await sink.load(alike).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof MasklineError);
      assert.equal(error.code, "target_misfit");
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true, getters: true }), /canary|COPY|things, line/);
    });

    test("the account closes over a batch in which the database refused rows", async () => {
      const sink = await openSink();
      await sink.load(batchOf([good, ["13", ...good.slice(1)], good]));
      const [account] = await readAccounts(database, "maskline", null, 1);
      assert.deepEqual([account?.received, account?.loaded, account?.quarantined, account?.difference], [3, 2, 1, 0]);
    });
  });
}

function byNumber(one: number, other: number): number {
  return one - other;
}
