import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { copyLines, toldRow } from "../../src/postgres/copy-in.ts";
import { type Database, DatabaseRefusal } from "../../src/postgres/database.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, makeDelivery, rowsOf } from "../harness/login-table.ts";
import { plainClient } from "./databases.ts";

suite("the row that COPY stopped at", () => {
  const told = (where: unknown, table: string = "user_logins"): unknown => toldRow({ where }, table);

  test("is read in the languages that name it after the table", () => {
    // as PostgreSQL 15's own catalogues of messages have it
    const lines = [
      ...['COPY user_logins, line 7, column a: "x"', "COPY user_logins, line 7", 'COPY user_logins, line 7: "x"'],
      ...["COPY user_logins, line 7, column a: null input", "COPY user_logins, Zeile 7, Spalte a: »x«"],
      ...["COPY user_logins, ligne 7, colonne a : « x »", "COPY user_logins, línea 7: «x»", 'COPY user_logins, строка 7: "x"'],
      ...['COPY user_logins, 行 7, 列 a: "x"', 'COPY user_logins, rad 7: "x"', 'COPY user_logins, ხაზი 7: "x"'],
    ];
    for (const line of lines) assert.deepEqual(told(line), { row: 6, certain: true }, line);
  });

  test("is not told where it stands otherwise, or where there is none", () => {
    const others = [
      ...['user_loginsのCOPY、行 7、列 a: "x"', 'user_logins 복사, 7번째 줄: "x"', "COPY user_logins, 7행, 8 열: null 입력"],
      ...[
        "COPY user_logins",
        "COPY other, line 7",
        "COPY user_logins2, line 7",
        "COPY user_logins, line 0",
        "COPY user_logins, line x",
      ],
      ...['SQL statement "SELECT 1"', "", "PL/pgSQL function f() line 7 at RAISE", undefined, 7],
    ];
    for (const where of others) assert.equal(told(where), null, String(where));
    for (const error of [null, undefined, "COPY user_logins, line 7", new Error("COPY user_logins, line 7")])
      assert.equal(toldRow(error, "user_logins"), null);
  });

  test("is a hint where other words stand beside it, and nothing where they name another row", () => {
    const trigger = 'PL/pgSQL function refuse() line 3 at RAISE\nCOPY user_logins, line 7: "x"';
    assert.deepEqual(told(trigger), { row: 6, certain: false });
    const imitated = 'COPY user_logins, line 7, column a: "1\nCOPY user_logins, line 2: "';
    assert.equal(told(imitated), null);
    assert.deepEqual(told('user_loginsのCOPY、行 7、列 a: "1\nCOPY user_logins, line 2"'), { row: 1, certain: false });
  });

  test("is found whatever the table is called", () => {
    for (const table of ['odd "table; --', "a.*b", "line 3", "é"]) {
      assert.deepEqual(told(`COPY ${table}, line 7: "x"`, table), { row: 6, certain: true }, table);
    }
  });
});

for (const engine of postgresServers()) {
  suite(`COPY through the driver on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 1);
      await database.query("creating", "CREATE TABLE copied (position serial, a text, b text CHECK (b <> 'refused'))");
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    const copy = "COPY copied (a, b) FROM STDIN";
    const rowsOfTexts = (texts: readonly (readonly [string | null, string | null])[]): Buffer =>
      Buffer.from(
        copyLines(
          rowsOf(
            texts.map(() => makeDelivery()),
            [texts.map(([a]) => a), texts.map(([, b]) => b)],
          ),
        ).join(""),
      );
    const stored = (): Promise<{ a: string | null; b: string | null }[]> =>
      database.query("reading", "SELECT a, b FROM copied ORDER BY position");

    test("every text arrives as it is, and null is not a text", async () => {
      const awkward = [
        "\\N",
        "\\.",
        "\\",
        "",
        " ",
        "\t",
        "a\tb\nc\r\nd\r",
        "NULL",
        "\\x41",
        "\\b",
        "\u0001",
        "\uFEFF",
        "'\"{},",
        "👩‍👧",
      ];
      const text = fc.oneof(
        fc.constantFrom(...awkward, null),
        fc.string({ unit: "binary" }).map((any) => any.replaceAll("\0", "")),
        fc.array(fc.constantFrom("\\", "\t", "\n", "\r", "N", ".", "n", "t"), { maxLength: 8 }).map((parts) => parts.join("")),
      );
      const pair = fc.tuple(text, text);
      await fc.assert(
        fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 40 }), async (texts) => {
          await database.query("clearing", "TRUNCATE copied");
          await database.transaction("copying", (_query, _prelude, copyIn) => copyIn(copy, rowsOfTexts(texts)));
          // half a surrogate pair has no form in UTF-8: the driver replaces it everywhere
          const arrives = (value: string | null): string | null => value?.toWellFormed() ?? null;
          assert.deepEqual(
            await stored(),
            texts.map(([a, b]) => ({ a: arrives(a), b: arrives(b) })),
          );
        }),
        { numRuns: 60 },
      );
    });

    test("a row that is refused leaves the connection as good as new, also when most of the text was not sent", async () => {
      const long = "x".repeat(1_000);
      for (const [count, refused] of [
        [3, 1],
        [30_000, 0],
        [30_000, 29_999],
      ] as const) {
        const texts = Array.from({ length: count }, (_, row) => [long, row === refused ? "refused" : "b"] as const);
        await database.transaction("copying", async (query, _prelude, copyIn) => {
          const error: unknown = await copyIn(`SAVEPOINT here; ${copy}`, rowsOfTexts(texts)).catch((thrown: unknown) => thrown);
          assert.deepEqual(toldRow(error, "copied"), { row: refused, certain: true });
          await query("ROLLBACK TO SAVEPOINT here");
          assert.deepEqual(await query("SELECT 1 AS one"), [{ one: 1 }]);
          await copyIn(copy, rowsOfTexts([["after", `${count} ${refused}`]]));
        });
      }
      assert.deepEqual(
        (await stored()).slice(-3).map(({ b }) => b),
        ["3 1", "30000 0", "30000 29999"],
      );
    });

    test("what is refused before a row is read, and a session that ends meanwhile, are errors like any other", async () => {
      const missing = database.transaction("copying", (_query, _prelude, copyIn) =>
        copyIn("COPY nowhere FROM STDIN", Buffer.from("1\n")),
      );
      await assert.rejects(missing, (error) => error instanceof DatabaseRefusal && error.failure.sqlState === "42P01");
      const admin = await plainClient(server.url);
      try {
        const ended = database.transaction("copying", async (query, _prelude, copyIn) => {
          const [own] = await query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
          await admin.query("SELECT pg_terminate_backend($1)", [own?.pid]);
          await copyIn(copy, Buffer.alloc(50_000_000, "a\tb\n"));
        });
        await assert.rejects(ended, (error) => error instanceof DatabaseRefusal && error.failure.failureClass === "outage");
      } finally {
        await admin.end();
      }
      await database.transaction("copying", (_query, _prelude, copyIn) => copyIn(copy, rowsOfTexts([["again", null]])));
      assert.deepEqual((await stored()).at(-1), { a: "again", b: null });
    });
  });
}
