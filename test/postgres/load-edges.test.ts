import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import type { Database } from "../../src/postgres/database.ts";
import { findMessage } from "../../src/postgres/ledger.ts";
import { quoteName, type TableName } from "../../src/postgres/names.ts";
import type { PostgresSink } from "../../src/postgres/sink.ts";
import type { ColumnDemand } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, makeBatch, makeDelivery, outcomesOf, rowsOf } from "../harness/login-table.ts";
import { openSinkOn, plainClient } from "./databases.ts";

/** The names the load statement uses for itself, and words of SQL. */
const awkwardNames = [
  ...[
    "order",
    "position",
    "id",
    "sent_at",
    "c0",
    "c1",
    "incoming",
    "receipt",
    "refused",
    "loaded",
    "outcome",
    "ledger",
    "excluded",
  ],
  ...[
    "select",
    "user",
    "table",
    "default",
    "reason",
    "faults",
    "with",
    "ordinality",
    "ctid2",
    "Tab\tle",
    "a.b",
    'qu"ote',
    "$1",
    "?",
    "é",
    "a b",
  ],
  ...["%s", "'", "--", "/*", "\\", ";", "$$", ":x", "x".repeat(63)],
];

// the oldest and the newest
for (const engine of postgresServers().filter(({ name }) => name !== "system")) {
  suite(`odd loads on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    /** A value as it is sent, and as it is stored. */
    interface Case {
      readonly type: string;
      readonly form: ColumnDemand["form"];
      readonly sent: string;
      readonly stored: string;
    }

    interface Shape {
      readonly name: string;
      readonly type: string;
      readonly form: ColumnDemand["form"];
    }

    async function sinkFor(shape: readonly Shape[], table: string = "things"): Promise<PostgresSink> {
      const name: TableName = { schema: "public", table };
      await admin.query(`DROP TABLE IF EXISTS ${quoteName(table)}; DROP SCHEMA IF EXISTS maskline CASCADE`);
      const columns = shape.map((column) => `${quoteName(column.name)} ${column.type}`);
      await admin.query(`CREATE TABLE ${quoteName(table)} (${columns.join(", ")})`);
      const demands = shape.map(({ name: column, form }) => ({ name: column, form, longest: 40, mayBeNull: true }));
      return openSinkOn(database, name, demands);
    }

    /** Loads one row with a column for each case, and reads it back as PostgreSQL writes it. */
    async function roundTrip(through: Database, cases: readonly Case[]): Promise<readonly string[]> {
      const shape = cases.map(({ type, form }, index) => ({ name: `c${index}`, type, form }));
      await sinkFor(shape);
      const demands = shape.map(({ name, form }) => ({ name, form, longest: 40, mayBeNull: true }));
      const sink = await openSinkOn(through, { schema: "public", table: "things" }, demands);
      const settlements = await sink.load(
        makeBatch(
          rowsOf(
            [makeDelivery()],
            cases.map(({ sent }) => [sent]),
          ),
        ),
      );
      assert.deepEqual(outcomesOf(settlements), { loaded: 1 });
      const shown = shape.map(({ name }) => `${name}::text`).join(", ");
      const [row] = await through.query<Record<string, string>>("reading", `SELECT ${shown} FROM things`);
      return Object.values(row ?? {});
    }

    test("columns may be called anything, and so may the table", async () => {
      for (const table of ["things", "receipt", "incoming", "loaded", 'odd "table; --']) {
        const sink = await sinkFor(
          awkwardNames.map((name) => ({ name, type: "text", form: "text" })),
          table,
        );
        const values = awkwardNames.map((name) => `value of ${name}`);
        const settlements = await sink.load(
          makeBatch(
            rowsOf(
              [makeDelivery()],
              values.map((value) => [value]),
            ),
          ),
        );
        assert.deepEqual(outcomesOf(settlements), { loaded: 1 });
        const { rows } = await admin.query<Record<string, string>>(`SELECT * FROM ${quoteName(table)}`);
        assert.deepEqual(rows, [Object.fromEntries(awkwardNames.map((name, index) => [name, values[index]]))]);
      }
    });

    test("a wide table and one of a single column load alike", async () => {
      for (const width of [1, 400]) {
        const sink = await sinkFor(
          Array.from({ length: width }, (_, index) => ({ name: `column_${index}`, type: "text", form: "text" })),
        );
        const columns = Array.from({ length: width }, (_, index) => [`value ${index}`, null]);
        const settlements = await sink.load(makeBatch(rowsOf([makeDelivery(), makeDelivery()], columns)));
        assert.deepEqual(outcomesOf(settlements), { loaded: 2 }, `${width} columns`);
      }
    });

    test("ten thousand rows are one load, and keep their order", async () => {
      const sink = await sinkFor([{ name: "a", type: "integer", form: "integer" }]);
      const deliveries = Array.from({ length: 10_000 }, () => makeDelivery());
      const values = deliveries.map((_, index) => String((index * 7_919) % 10_000));
      assert.deepEqual(outcomesOf(await sink.load(makeBatch(rowsOf(deliveries, [values])))), { loaded: 10_000 });
      const rows = await database.query<{ a: number }>("reading", "SELECT a FROM things ORDER BY ctid");
      assert.equal(rows.length, values.length);
      assert.deepEqual(
        rows.flatMap(({ a }, index) => (String(a) === values[index] ? [] : [index])).slice(0, 3),
        [],
        "the first places with another row",
      );
    });

    test("one refused row among ten thousand is found", async () => {
      const sink = await sinkFor([{ name: "a", type: "integer CHECK (a <> 7777)", form: "integer" }]);
      const deliveries = Array.from({ length: 10_000 }, () => makeDelivery());
      const settlements = await sink.load(makeBatch(rowsOf(deliveries, [deliveries.map((_, index) => String(index))])));
      assert.deepEqual(outcomesOf(settlements), { loaded: 9_999, quarantined: 1 });
      assert.equal(settlements.find(({ outcome }) => outcome === "quarantined")?.delivery, deliveries[7_777]);
    });

    test("a document of a mebibyte, and sealed bodies of that size, go through", async () => {
      const sink = await sinkFor([
        { name: "a", type: "jsonb", form: "json" },
        { name: "b", type: "json", form: "json" },
        { name: "c", type: "text", form: "json" },
      ]);
      const document = JSON.stringify({ text: '\\ " { } , ü \u0001'.repeat(80_000) });
      assert.ok(document.length > 1_048_576);
      const bad = makeDelivery({ body: "x".repeat(1_048_576) });
      const refusal = { delivery: bad, id: bad.id, faults: [{ reason: "missing", path: "a", expected: "b", found: "c" }] } as const;
      const batch = makeBatch(rowsOf([makeDelivery()], [[document], [document], [document]]), [refusal]);
      const every = Uint8Array.from({ length: 1_048_576 }, (_, index) => index % 256);
      // a view into a larger buffer, as a sealing library may hand out
      const view = new Uint8Array(every.buffer, 1_000, 1_000_000);
      const settlements = await sink.load({ ...batch, seal: async () => view });
      assert.deepEqual(outcomesOf(settlements), { loaded: 1, quarantined: 1 });
      const { rows } = await admin.query<{ a: unknown; b: unknown; c: string }>("SELECT a, b, c FROM things");
      assert.deepEqual(rows[0]?.a, JSON.parse(document));
      assert.equal(rows[0]?.c, document);
      const { rows: sealed } = await admin.query<{ sealed: Buffer; body_bytes: number }>(
        "SELECT sealed, body_bytes FROM maskline.quarantine",
      );
      assert.ok(sealed[0]?.sealed.equals(view));
      assert.equal(sealed[0]?.body_bytes, 1_048_576);
    });

    test("texts that look like SQL, arrays, NULL or escapes arrive as they are", async () => {
      const texts = [
        "NULL",
        "null",
        "",
        " ",
        "{}",
        "{a,b}",
        '"',
        "\\",
        "\\\\",
        "\\x41",
        "'",
        "$1",
        "a\nb\r\tc",
        "\u0001\u007f",
        "é",
        "👩‍👩‍👧",
        "\uFEFF",
        "%",
        ",",
      ];
      const sink = await sinkFor([{ name: "a", type: "text", form: "text" }]);
      await sink.load(
        makeBatch(
          rowsOf(
            texts.map(() => makeDelivery()),
            [texts],
          ),
        ),
      );
      const rows = await database.query<{ a: string }>("reading", "SELECT a FROM things ORDER BY ctid");
      assert.deepEqual(
        rows.map(({ a }) => a),
        texts,
      );
    });

    test("ids may hold what arrays and SQL are written with", async () => {
      const sink = await sinkFor([{ name: "a", type: "text", form: "text" }]);
      const ids = ['a"b', "a\\b", "a,b", "{a}", "NULL", "", "'; DROP TABLE things; --", "é", "x".repeat(1_000)];
      const deliveries = ids.map((id) => makeDelivery({ id }));
      const batch = makeBatch(rowsOf(deliveries, [ids]));
      assert.deepEqual(outcomesOf(await sink.load(batch)), { loaded: ids.length });
      assert.deepEqual(outcomesOf(await sink.load({ ...batch, position: { ...batch.position, sequence: 2 } })), {
        duplicate: ids.length,
      });
    });

    test("dates and times keep every digit, from the first year to the last, whatever the database's settings", async () => {
      await admin.query(
        "ALTER DATABASE postgres SET timezone = 'Asia/Kathmandu'; ALTER DATABASE postgres SET datestyle = 'SQL, DMY'",
      );
      const other = connect(server.url);
      try {
        const cases: Case[] = [];
        for (const sent of ["0001-01-01", "0099-12-31", "1582-10-10", "1970-01-01", "2024-02-29", "9999-12-31"]) {
          cases.push({ type: "date", form: "date", sent, stored: sent });
          cases.push({ type: "timestamptz", form: "date", sent, stored: `${sent} 00:00:00+00` });
        }
        for (const [sent, stored] of [
          ["0001-01-01T00:00:00Z", "0001-01-01 00:00:00"],
          ["2026-11-20T12:34:56.123456Z", "2026-11-20 12:34:56.123456"],
          ["2026-11-20T12:34:56.1Z", "2026-11-20 12:34:56.1"],
          ["9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"],
        ] as const) {
          cases.push({ type: "timestamptz", form: "timestamp", sent, stored: `${stored}+00` });
          cases.push({ type: "timestamp", form: "timestamp", sent, stored });
          cases.push({ type: "text", form: "timestamp", sent, stored: sent });
        }
        assert.deepEqual(
          await roundTrip(other, cases),
          cases.map(({ stored }) => stored),
        );
      } finally {
        await other.close();
        await admin.query("ALTER DATABASE postgres RESET timezone; ALTER DATABASE postgres RESET datestyle");
      }
    });

    test("numbers keep every digit", async () => {
      const cases: readonly Case[] = (
        [
          ["bigint", "integer", "9223372036854775807"],
          ["bigint", "integer", "-9223372036854775808"],
          ["numeric", "number", `0.${"123456789".repeat(20)}`],
          ["numeric", "integer", "9223372036854775807"],
          ["text", "number", "0.1"],
        ] as const
      ).map(([type, form, sent]) => ({ type, form, sent, stored: sent }));
      assert.deepEqual(
        await roundTrip(database, cases),
        cases.map(({ stored }) => stored),
      );
    });

    test("a number that does not fit its column is a refused row", async () => {
      const sink = await sinkFor([{ name: "a", type: "smallint", form: "integer" }]);
      const settlements = await sink.load(makeBatch(rowsOf([makeDelivery(), makeDelivery()], [["32768", "32767"]])));
      assert.deepEqual(outcomesOf(settlements), { loaded: 1, quarantined: 1 });
    });

    test("a message without a sent time has a receipt at infinity, which reads as null", async () => {
      const sink = await sinkFor([{ name: "a", type: "text", form: "text" }]);
      const timeless = makeDelivery({ id: "timeless", sentAtMs: null });
      await sink.load(makeBatch(rowsOf([timeless], [["x"]])));
      const [place] = await findMessage(database, "maskline", "timeless");
      assert.deepEqual([place?.outcome, place?.sentAt], ["loaded", null]);
      const { rows } = await admin.query<{ there: boolean }>("SELECT sent_at = 'infinity' AS there FROM maskline.receipt");
      assert.deepEqual(rows, [{ there: true }]);
    });

    test("sent times are kept to the millisecond, from 1970 and before", async () => {
      const sink = await sinkFor([{ name: "a", type: "text", form: "text" }]);
      const times = [0, -1, 1, 1_763_640_000_123, Date.UTC(9999, 11, 31)];
      const deliveries = times.map((sentAtMs) => makeDelivery({ id: `sent at ${sentAtMs}`, sentAtMs }));
      await sink.load(makeBatch(rowsOf(deliveries, [times.map(String)])));
      for (const sentAtMs of times) {
        const [place] = await findMessage(database, "maskline", `sent at ${sentAtMs}`);
        assert.equal(place?.sentAt?.getTime(), sentAtMs);
      }
    });

    test("an empty load leaves a ledger row and nothing else", async () => {
      const sink = await sinkFor([{ name: "a", type: "text", form: "text" }]);
      assert.deepEqual(await sink.load(makeBatch(rowsOf([], [[]]))), []);
      assert.deepEqual(
        [
          await countRows(database, "maskline.receipt"),
          await countRows(database, "maskline.ledger"),
          await countRows(database, "things"),
        ],
        [0, 1, 0],
      );
    });
  });
}
