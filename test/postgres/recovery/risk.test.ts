import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { sampleRandom } from "../../../src/demo/sample-random.ts";
import type { Database, Query } from "../../../src/postgres/database.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { mayRead } from "../../../src/postgres/recovery/readable.ts";
import { countGroups, countValues, listSmallGroups, lookAtTable } from "../../../src/postgres/recovery/risk.ts";
import { frequencyOf, groupFiguresOf } from "../../../src/recovery/risk.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { connect } from "../../harness/login-table.ts";
import { otherwise, plainClient } from "../databases.ts";

const table = { schema: "Other place", table: 'pe"ople' };
const quoted = `"Other place"."pe""ople"`;
const all = { table, percent: null };

interface Row {
  readonly user: string | null;
  readonly token: string | null;
  /** The value that the token stands for. */
  readonly value: number | null;
  readonly locale: string | null;
  readonly version: number;
  readonly details: string;
}

/** A few values that are frequent and many that are not; users, locales and tokens are missing now and then. */
function drawRows(count: number): readonly Row[] {
  const random = sampleRandom(11);
  return Array.from({ length: count }, () => {
    const value = random.chance(0.1) ? null : Math.floor(40 * (random.below(1_000) / 1_000) ** 2);
    const prefix = random.chance(0.3) ? "AQAAAC" : "AQAAAB";
    return {
      user: random.chance(0.05) ? null : `user ${random.below(300)}`,
      token: value === null ? null : `${prefix}-${value}`,
      value,
      locale: random.chance(0.1) ? null : random.pick(["de", "de ", "en", "fr", "", "it's"]),
      version: random.below(12),
      details: random.pick(['{"a":1}', '{"a": 1}', "[]"]),
    };
  });
}

for (const engine of postgresServers()) {
  suite(`risk on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    const rows = drawRows(3_000);
    before(async () => {
      server = await engine.start();
      database = connect(server.url);
      admin = await plainClient(server.url);
      await migrate(database, "maskline");
      await admin.query(`CREATE SCHEMA "Other place";
        CREATE TABLE ${quoted} ("us""er" text, token varchar(60), "Locale" text, version smallint, details json)`);
      await admin.query(
        `INSERT INTO ${quoted} SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::json[])`,
        [
          rows.map(({ user }) => user),
          rows.map(({ token }) => token),
          rows.map(({ locale }) => locale),
          rows.map(({ version }) => version),
          rows.map(({ details }) => details),
        ],
      );
      await admin.query(
        `INSERT INTO maskline.ring_key (ring, kind, key_id, state) VALUES (16, 'root', 16, 'open'), (16, 'root', 32, 'open');
         INSERT INTO maskline.token_alias (anchor, domain, token, canonical)
         SELECT 16, 'd', 'AQAAAC-' || n, 'AQAAAB-' || n FROM generate_series(0, 39) AS n`,
      );
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    const ask = <T>(work: (query: Query) => Promise<T>, by: Database = database): Promise<T> =>
      by.transaction("counting", work, { unhurried: true, unfiltered: true });
    const occurrences = (values: readonly (string | number | null)[]): number[] => {
      const groups = Map.groupBy(
        values.filter((value) => value !== null),
        (value) => value,
      );
      return [...groups.values()].map(({ length }) => length).sort((left, right) => right - left);
    };

    test("how often values occur is what a count by hand gives, with and without the aliases of a rotation", async () => {
      for (const aliases of [null, { schema: "maskline", domain: "d" }]) {
        const found = await ask((query) => countValues(query, all, { column: "token", aliases, prefixes: ["AQAAAC"] }));
        const counts = occurrences(rows.map(({ token, value }) => (aliases === null ? token : value)));
        const valued = counts.reduce((sum, n) => sum + n, 0);
        assert.deepEqual([found.rows, found.nulls, found.distinct], [3_000, 3_000 - valued, counts.length]);
        assert.deepEqual(found.top, counts.slice(0, 10));
        assert.equal(found.held, rows.filter(({ token }) => token?.startsWith("AQAAAC")).length);
        const entropy = counts.reduce((sum, n) => sum - (n / valued) * Math.log2(n / valued), 0);
        assert.ok(Math.abs(frequencyOf(found).entropyBits - entropy) < 1e-9);
        assert.equal(frequencyOf(found).topShare, (counts[0] ?? 0) / valued);
      }
    });

    /** Groups by hand: the people in each, those without a name together as one. */
    function groupsByHand(
      keyOf: (row: Row) => readonly unknown[],
    ): readonly { size: number; rows: number; values: readonly unknown[] }[] {
      return [...Map.groupBy(rows, (row) => JSON.stringify(keyOf(row)))].map(([key, group]) => ({
        size: new Set(group.map(({ user }) => user)).size,
        rows: group.length,
        values: JSON.parse(key) as readonly unknown[],
      }));
    }

    test("small groups are those that a count by hand finds, in people and in rows, NULL and spaces as they are", async () => {
      const columns = ["Locale", "version", "details"];
      const byHand = groupsByHand(({ locale, version, details }) => [locale, String(version), details]);
      for (const k of [2, 5, 15]) {
        const people = groupFiguresOf(await ask((query) => countGroups(query, all, columns, 'us"er')), k);
        const below = byHand.filter(({ size }) => size < k);
        const sum = (groups: readonly { rows: number }[]): number => groups.reduce((total, group) => total + group.rows, 0);
        assert.deepEqual(
          [people.groups, people.rows, people.smallest, people.groupsBelow, people.rowsBelow],
          [byHand.length, 3_000, Math.min(...byHand.map(({ size }) => size)), below.length, sum(below)],
        );
        const counted = groupFiguresOf(await ask((query) => countGroups(query, all, columns, null)), k);
        const few = byHand.filter(({ rows: n }) => n < k);
        assert.deepEqual([counted.groupsBelow, counted.rowsBelow], [few.length, sum(few)]);
        const listed = await ask((query) => listSmallGroups(query, all, columns, 'us"er', k, 10_000));
        const plain = (groups: typeof byHand): string[] => groups.map((group) => JSON.stringify(group)).sort();
        assert.deepEqual(plain(listed.map(({ size, rows: n, values }) => ({ size, rows: n, values }))), plain(below));
        assert.deepEqual(
          listed.map(({ size }) => size),
          below.map(({ size }) => size).sort((left, right) => left - right),
          "the smallest first",
        );
        const limited = await ask((query) => listSmallGroups(query, all, columns, 'us"er', k, 2));
        assert.deepEqual(limited, listed.slice(0, 2));
      }
      assert.ok(byHand.some(({ size }) => size < 5) && byHand.some(({ size }) => size > 15), "the rows are worth counting");
    });

    test("without a column to know anyone by, all rows are one group; an empty table has none", async () => {
      const one = await ask((query) => countGroups(query, all, [], null));
      assert.deepEqual(one, [{ size: 3_000, groups: 1, rows: 3_000 }]);
      await admin.query("CREATE TABLE nobody (user_id text, token text)");
      const empty = { table: { schema: "public", table: "nobody" }, percent: null };
      assert.deepEqual(await ask((query) => countGroups(query, empty, [], "user_id")), []);
      assert.deepEqual(await ask((query) => countGroups(query, empty, ["token"], "user_id")), []);
      assert.deepEqual(await ask((query) => countValues(query, empty, { column: "token", aliases: null, prefixes: [] })), {
        rows: 0,
        nulls: 0,
        distinct: 0,
        held: 0,
        weighted: 0,
        top: [],
      });
    });

    test("a sample is a part of the rows, and the same part in every statement", async () => {
      await admin.query(
        `CREATE TABLE large AS SELECT n % 7 AS kind, repeat('x', 200) AS filler FROM generate_series(1, 20000) AS n`,
      );
      const reading = { table: { schema: "public", table: "large" }, percent: 10 };
      const counts = await ask((query) => countValues(query, reading, { column: "kind", aliases: null, prefixes: [] }));
      assert.ok(counts.rows > 200 && counts.rows < 6_000, `${counts.rows} rows of 20,000`);
      const groups = await ask((query) => countGroups(query, reading, ["kind"], null));
      assert.equal(groupFiguresOf(groups, 2).rows, counts.rows);
    });

    test("the size of a table is known before it is analysed, and its columns are listed", async () => {
      const { rows: estimated, columns } = await ask((query) => lookAtTable(query, table));
      assert.ok(estimated > 300 && estimated < 30_000, `${estimated} rows`);
      assert.deepEqual(columns, ['us"er', "token", "Locale", "version", "details"]);
      await admin.query(`ANALYZE ${quoted}`);
      assert.equal((await ask((query) => lookAtTable(query, table))).rows, 3_000);
      await assert.rejects(
        ask((query) => lookAtTable(query, { schema: "public", table: "nothing" })),
        { code: "target_misfit", message: /there is no table public\.nothing/ },
      );
    });

    test("SELECT on the table is enough; what is hidden by row-level security is not taken for all there is", async () => {
      await admin.query(`CREATE ROLE looker LOGIN PASSWORD 'looker'; GRANT USAGE ON SCHEMA "Other place" TO looker;
        GRANT SELECT ON ${quoted} TO looker`);
      const looker = connect(otherwise(server.url, { user: "looker", password: "looker" }));
      try {
        assert.equal(await ask((query) => mayRead(query, "maskline", "alias"), looker), false);
        assert.equal(await ask((query) => mayRead(query, "maskline", "alias")), true);
        assert.equal(await ask((query) => mayRead(query, "maskline", "nothing")), false);
        await ask((query) => lookAtTable(query, table), looker);
        const groups = await ask((query) => countGroups(query, all, ["version"], null), looker);
        assert.equal(groupFiguresOf(groups, 2).rows, 3_000);
        await admin.query(`ALTER TABLE ${quoted} ENABLE ROW LEVEL SECURITY;
          CREATE POLICY few ON ${quoted} FOR SELECT TO looker USING (version = 1)`);
        const hidden = { code: "target_misfit", message: /row-level security hides some/ };
        await assert.rejects(
          ask((query) => lookAtTable(query, table), looker),
          hidden,
        );
      } finally {
        await looker.close();
      }
    });
  });
}
