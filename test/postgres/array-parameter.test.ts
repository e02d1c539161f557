import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import * as fc from "fast-check";
import type pg from "pg";

import { TextColumn } from "../../src/contract/text-column.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { textArray as binaryArray, timeArray } from "../../src/postgres/array-parameter.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { plainClient } from "./databases.ts";

const awkward = [
  "",
  "NULL",
  "null",
  "{}",
  '"',
  "\\",
  "a,b",
  "{a,b}",
  " ",
  "\n",
  "ä",
  "日本",
  "😀",
  "x".repeat(5000),
  "日".repeat(3000),
];
const textArray = (values: readonly (string | null)[]): Buffer => binaryArray(TextColumn.of(values));
const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...awkward)).map((value) => value.replaceAll("\0", ""));

test("an array is what PostgreSQL's own array_send writes", () => {
  // source: SELECT encode(array_send(ARRAY['ab', NULL, 'ä']), 'hex'), and of '{}'::text[]
  const head = ["00000001", "00000001", "00000019", "00000003", "00000001"];
  assert.equal(textArray(["ab", null, "ä"]).toString("hex"), [...head, "000000026162", "ffffffff", "00000002c3a4"].join(""));
  assert.equal(textArray([]).toString("hex"), ["00000000", "00000000", "00000019"].join(""));
});

// the oldest and the newest
for (const engine of postgresServers().filter(({ name }) => name !== "system")) {
  suite(`text arrays on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let client: pg.Client;
    before(async () => {
      server = await engine.start();
      client = await plainClient(server.url);
    });
    after(async () => {
      await client.end();
      await server.stop();
    });

    test("arrive as the texts and nulls they were made of, and as PostgreSQL writes them itself", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.option(text), { maxLength: 60 }), async (values) => {
          const { rows } = await client.query<{ texts: (string | null)[]; sent: Buffer }>(
            "SELECT $1::text[] AS texts, array_send($1::text[]) AS sent",
            [textArray(values)],
          );
          assert.deepEqual(rows, [{ texts: values, sent: textArray(values) }]);
        }),
        // room for nulls behind texts of three bytes a unit
        { numRuns: 300, examples: [[["日", "日", "日", null]]] },
      );
    });

    test("times arrive as the moments they are, and none as infinity", async () => {
      const [first, last] = [Date.parse("0001-01-01T00:00:00Z"), Date.parse("9999-12-31T23:59:59.999Z")];
      const edges = [0, -1, 946_684_800_000, 946_684_799_999, 946_684_799_001, 1_795_176_000_001, first, last];
      const time = fc.oneof(fc.integer({ min: first, max: last }), fc.constantFrom(...edges));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.option(time), { maxLength: 60 }), async (timesMs) => {
          const texts = timesMs.map((timeMs) => (timeMs === null ? "infinity" : new Date(timeMs).toISOString()));
          const { rows } = await client.query<{ same: boolean }>("SELECT $1::timestamptz[] = $2::timestamptz[] AS same", [
            timeArray(timesMs),
            texts,
          ]);
          assert.deepEqual(rows, [{ same: true }]);
        }),
        { numRuns: 200, examples: [[edges]] },
      );
    });

    test("are unnested beside the driver's own arrays, in their order", async () => {
      const { rows } = await client.query("SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS row (text, time) ORDER BY 2", [
        textArray(["b", null, "a"]),
        ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "infinity"],
      ]);
      assert.deepEqual(
        rows.map((row: { text: string | null }) => row.text),
        ["b", null, "a"],
      );
    });
  });
}
