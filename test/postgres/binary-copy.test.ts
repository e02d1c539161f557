import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import * as fc from "fast-check";

import { TextColumn } from "../../src/contract/text-column.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { textArray } from "../../src/postgres/array-parameter.ts";
import { BinaryRows } from "../../src/postgres/binary-copy.ts";
import type { Database } from "../../src/postgres/database.ts";
import { loadStatements } from "../../src/postgres/load-statement.ts";
import { checkTarget, type ColumnDemand } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect } from "../harness/login-table.ts";

type Form = ColumnDemand["form"];
interface Kind {
  readonly type: string;
  readonly form: Form;
  readonly values: fc.Arbitrary<string>;
}

const digits = (count: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max: 10 ** count - 1 }).map((value) => String(value).padStart(count, "0"));
const day = fc
  .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 86_399 }),
    fc.integer({ min: 0, max: 6 }).chain((count) => (count === 0 ? fc.constant("") : digits(count))),
  )
  .map(([second, fraction]) => `${new Date(second * 1_000).toISOString().slice(11, 19)}${fraction === "" ? "" : `.${fraction}`}Z`);
const instant = fc.oneof(
  fc.tuple(day, clock).map(([date, time]) => `${date}T${time}`),
  day,
  fc.constantFrom(
    "1999-12-31T23:59:59.999999Z",
    "2000-01-01T00:00:00Z",
    "0001-01-01T00:00:00.000001Z",
    "9999-12-31T23:59:59.999999Z",
  ),
);
const whole = (bits: bigint): fc.Arbitrary<string> =>
  fc.oneof(
    fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }).map(String),
    fc.integer({ min: -9, max: 9 }).map(String),
    fc.constantFrom(String(-(2n ** (bits - 1n))), String(2n ** (bits - 1n) - 1n), "-0", "007"),
  );
const text = fc
  .oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.constantFrom("", "a\tb", "\\N", "\\.", "x".repeat(3_000), "日本", "😀"))
  .map((value) => value.replaceAll("\0", "").toWellFormed());
const json = fc.json().map((value) => value.replaceAll("\\u0000", ""));

/** Texts as the contract writes them, and further ones that a column of the type can come to hold. */
const kinds: readonly Kind[] = [
  { type: "text", form: "text", values: text },
  { type: "varchar", form: "text", values: text },
  { type: "varchar(4000)", form: "text", values: text },
  { type: "varchar(8)", form: "text", values: fc.constantFrom("12345678", "12345678    ", "ä", "日本日本日本日本") },
  { type: "char(6)", form: "text", values: fc.constantFrom("a", "a  ", "123456", "") },
  { type: "short_text", form: "text", values: fc.constantFrom("ab", "abcd", "abcd   ") },
  { type: "smallint", form: "integer", values: whole(16n) },
  { type: "integer", form: "integer", values: whole(32n) },
  { type: "small", form: "integer", values: fc.constantFrom("1", "-9", "9") },
  { type: "bigint", form: "integer", values: whole(64n) },
  { type: "numeric", form: "integer", values: whole(64n) },
  {
    type: "double precision",
    form: "number",
    values: fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toFixed(20)),
      fc.constantFrom(
        "0.1",
        "-0",
        "1.5",
        "9007199254740993",
        `0.${"0".repeat(320)}1`,
        "179769313486231570000",
        "-0.000000000000000001",
      ),
    ),
  },
  { type: "real", form: "number", values: fc.constantFrom("0.1", "1.5", "16777217") },
  { type: "boolean", form: "boolean", values: fc.constantFrom("true", "false") },
  { type: "uuid", form: "uuid", values: fc.uuid() },
  { type: "uuid", form: "text", values: fc.uuid().map((value) => value.toUpperCase()) },
  { type: "date", form: "date", values: day },
  { type: "timestamptz", form: "timestamp", values: instant },
  { type: "timestamptz(3)", form: "timestamp", values: instant },
  { type: "timestamp", form: "timestamp", values: instant },
  { type: "timestamp(0)", form: "date", values: day },
  { type: "json", form: "json", values: json },
  { type: "jsonb", form: "json", values: json },
  { type: "mood", form: "text", values: fc.constantFrom("good", "so so", "übel") },
  { type: "inet", form: "ip", values: fc.ipV4() },
];
/** Rows of these go by the statement, unless they are all null. */
const unknown: readonly string[] = ["numeric", "real", "inet"];

const name = (index: number): string => `c${index}`;
const columns = kinds.map(({ type }, index) => `${name(index)} ${type}`).join(", ");
const row = fc.tuple(...kinds.map(({ values }) => fc.option(values, { freq: 5 })));

// the oldest and the newest
for (const engine of postgresServers().filter((server) => server.name !== "system")) {
  suite(`binary COPY on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 1);
      await database.query("preparing", "CREATE TYPE mood AS ENUM ('good', 'so so', 'übel')");
      await database.query("preparing", "CREATE DOMAIN short_text AS varchar(4) CHECK (VALUE <> 'no')");
      await database.query("preparing", "CREATE DOMAIN inner_small AS integer CHECK (VALUE < 10)");
      await database.query("preparing", "CREATE DOMAIN small AS inner_small CHECK (VALUE > -10)");
      for (const table of ["copied", "inserted"]) {
        await database.query("preparing", `CREATE TABLE ${table} (${columns})`);
      }
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    /** What a column holds after each way, as PostgreSQL writes it; `copied` is null where COPY does not take the column. */
    async function both(kind: number, texts: readonly (string | null)[]): Promise<{ copied: unknown; inserted: unknown }> {
      const { form } = kinds[kind] as Kind;
      const demand: ColumnDemand = { name: name(kind), form, longest: 4, mayBeNull: true };
      const statements = async (table: string): Promise<ReturnType<typeof loadStatements>> => {
        const target = { schema: "public", table };
        return loadStatements("maskline", target, await checkTarget(database, target, [demand]));
      };
      const column = TextColumn.of(texts);
      const { binary } = (await statements("copied")).copy;
      const { rows } = await statements("inserted");
      const fields = binary?.fields([column]) ?? null;
      const read = async (table: string): Promise<unknown> =>
        database.query("reading", `SELECT ${name(kind)}::text AS value FROM ${table} ORDER BY ctid`);
      await database.query("clearing", "TRUNCATE copied, inserted");
      await database.query("inserting", rows, [textArray(column)]);
      if (fields !== null) {
        await database.transaction("copying", async (_query, _prelude, copyIn) => {
          await binary?.write(copyIn, new BinaryRows(fields, texts.length));
        });
      }
      return { copied: fields === null ? null : await read("copied"), inserted: await read("inserted") };
    }

    for (const [index, { type, form, values }] of kinds.entries()) {
      const isUnknown = unknown.includes(type);
      test(`${isUnknown ? "leaves" : "stores"} ${form} in ${type} ${isUnknown ? "to the statement" : "as the statement does"}`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.option(values, { freq: 6 }), { minLength: 1, maxLength: 60 }), async (texts) => {
            const { copied, inserted } = await both(index, texts);
            const isAllNull = texts.every((value) => value === null);
            if (isUnknown && !isAllNull) assert.equal(copied, null);
            // what a number cannot hold, the server reads
            else if (copied !== null || !["bigint", "double precision"].includes(type)) assert.deepEqual(copied, inserted);
          }),
          { numRuns: 25 },
        );
      });
    }

    test("what is not in the form it knows is left to the statement", async () => {
      const strange: readonly (readonly [type: string, ...texts: string[]])[] = [
        ["integer", " 7", "+7", "2147483648", "1e3", "", "-"],
        ["smallint", "32768", "-32769"],
        ["bigint", "9223372036854775807", "9007199254740993"],
        ["boolean", "t", "TRUE", "yes"],
        [
          "uuid",
          "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
          "a0eebc999c0b4ef8bb6d6bb9bd380a11",
          "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ],
        ["date", "2024-02-30", "2023-02-29", "0000-01-01", "24-1-1", "2024-01-31 BC", "infinity", "2024-13-01"],
        [
          "timestamptz",
          "2024-01-31T24:00:00Z",
          "2024-01-31T23:59:60Z",
          "2024-01-31T00:00:00+01:00",
          "now",
          "2024-01-31T00:00:00.1234567Z",
        ],
        ["double precision", "1e400", "NaN", "", " 1", "1e-400"],
      ];
      for (const [type, ...texts] of strange) {
        const demand: ColumnDemand = {
          name: name(kinds.findIndex((kind) => kind.type === type)),
          form: "nothing",
          longest: null,
          mayBeNull: true,
        };
        const target = { schema: "public", table: "copied" };
        const { binary } = loadStatements("maskline", target, await checkTarget(database, target, [demand])).copy;
        for (const value of texts) assert.equal(binary?.fields([TextColumn.of([null, value])]), null, `${type} ${value}`);
      }
    });

    test("rows of all columns, in any order and number, some of them longer than what is sent at once", async () => {
      const demands = kinds.map(({ form }, index): ColumnDemand => ({ name: name(index), form, longest: 4, mayBeNull: true }));
      const known = demands.filter(
        (_, index) =>
          !unknown.includes(kinds[index]?.type ?? "") && kinds[index]?.type !== "bigint" && kinds[index]?.form !== "number",
      );
      const target = { schema: "public", table: "copied" };
      const { binary } = loadStatements("maskline", target, await checkTarget(database, target, known)).copy;
      const long = fc.constant("y".repeat(70_000));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(row, fc.option(long, { freq: 8 })), { maxLength: 40 }), fc.nat(), async (made, seed) => {
          const texts = known.map((demand) => {
            const index = demands.indexOf(demand);
            return made.map(([values, longText]) => (index === 0 ? longText : (values[index] ?? null)));
          });
          const places = made.map((_, place) => place).filter((place) => (place * 7 + seed) % 3 !== 0);
          const fields = binary?.fields(texts.map((column) => TextColumn.of(column))) ?? null;
          assert.ok(fields !== null && binary !== null && binary !== undefined);
          await database.query("clearing", "TRUNCATE copied");
          await database.transaction("copying", async (_query, _prelude, copyIn) => {
            await binary.write(copyIn, new BinaryRows(fields, places.length, places));
          });
          const rows = await database.query<{ c0: string | null; c13: string | null }>(
            "reading",
            "SELECT c0, c13::text FROM copied ORDER BY ctid",
          );
          const uuids = texts[known.findIndex((demand) => demand.name === "c13")] ?? [];
          assert.deepEqual(
            rows,
            places.map((place) => ({ c0: texts[0]?.[place] ?? null, c13: uuids[place] ?? null })),
          );
        }),
        { numRuns: 25 },
      );
    });
  });
}
