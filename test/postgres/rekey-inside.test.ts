import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { openSurrogates } from "../../src/masks/scan/open-surrogates.ts";
import type { Database } from "../../src/postgres/database.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { prefixOf } from "../harness/equal-values.ts";
import { connect } from "../harness/login-table.ts";
import { ticketColumns as names, Tickets, valuesOf } from "../harness/tickets-table.ts";
import { plainClient, untilWaiting } from "./databases.ts";

const inside = names.slice(1);

for (const engine of postgresServers()) {
  suite(`rekey inside values on ${engine.name}`, { skip: engine.missing ?? false }, () => {
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

    const range = (count: number, from: number): readonly number[] => Array.from({ length: count }, (_, i) => from + i);

    test("every token in every column ends under the newest key, twice, and nothing else has changed", async () => {
      const table = await new Tickets(database, admin).open();
      await table.load(range(60, 0));
      for (const rotation of [1, 2]) {
        await table.rotate();
        await table.load(range(20, 60 * rotation));
        const old = table.rings.at(-2)?.primaryId as number;
        assert.deepEqual(
          (await table.use.holders([old])).map((line) => line.replace(/^\d+/, "N")),
          names.map((name) => `N rows of public.tickets, column ${name}, hold tokens of key ${old}`),
        );
        const before = await table.rows();
        const result = await table.rekey();
        assert.deepEqual([result.unopened, result.holders], [0, []]);
        assert.deepEqual(result.drained, [old]);
        const after = await table.rows();
        const anyToken = /\bA[Q-Za-f][\w-]{26,}/g;
        const blank = (rows: typeof after): unknown =>
          rows.map((row) => names.map((name) => row[name].replaceAll(anyToken, (token) => `token of ${token.length}`)));
        assert.deepEqual(blank(after), blank(before), "the same rows, but for their tokens");
        const dump = JSON.stringify(after);
        for (const ring of table.rings.slice(0, -1)) assert.equal(dump.includes(prefixOf(ring.primaryId)), false);
      }

      const [ips, users, notes] = ["login.ip", "user", "notes %"].map((domain) => table.mask(domain));
      const rows = await table.rows();
      assert.equal(rows.length, 100);
      for (const row of rows) {
        const [ip, , , , text] = valuesOf(Number(row.id));
        for (const name of ["details", "exact", "stored"] as const) {
          const {
            client,
            users: [first, none, second],
          } = JSON.parse(row[name]) as {
            client: { ip: string };
            users: [string, null, string];
          };
          assert.equal(client.ip, row.ip, "as in the column that shares the domain");
          assert.deepEqual(ips?.open([client.ip]), [{ value: ip }]);
          assert.deepEqual(users?.open([first, second] as string[]), [{ value: `user ${row.id}` }, { value: "Zoë" }]);
          assert.equal(none, null);
        }
        assert.ok(notes !== undefined);
        assert.deepEqual(openSurrogates(notes, [row.notes]), [{ text, opened: 3, left: 0 }]);
        assert.match(row.exact, /^\{ "n" : 12345678901234567890\.10, "n": 1e2, /);
      }
    });

    test("a walk that leaves out what stands inside values is caught: the key is not drained, and the columns are named", async () => {
      const table = await new Tickets(database, admin).open();
      await table.load(range(9, 0));
      await table.rotate();
      const first = table.rings[0]?.primaryId;
      const { drained, holders } = await table.rekey((await table.columns()).whole);
      assert.deepEqual(drained, []);
      assert.deepEqual(
        holders,
        inside.map((name) => `9 rows of public.tickets, column ${name}, hold tokens of key ${first}`),
      );
      assert.deepEqual((await table.rekey()).drained, [first]);
    });

    test("a contract with nothing but tokens inside values is walked, before the ring's first rotation too", async () => {
      const table = await new Tickets(database, admin).open();
      await table.load(range(5, 0));
      const { whole, all } = await table.columns();
      const only = all.filter((column) => !whole.includes(column));
      assert.deepEqual([only.length, (await table.rekey(only)).changed], [4, 0]);
      await table.rotate();
      await admin.query("UPDATE tickets SET ip = NULL");
      const { all: columns } = await table.columns();
      assert.equal((await table.rekey(columns.filter(({ name }) => name !== "ip"))).changed, 5);
    });

    test("a document that its users change meanwhile keeps their change, and its tokens are found by the next pass", async () => {
      const table = await new Tickets(database, admin).open();
      await table.load(range(3, 0));
      await table.rotate();
      await admin.query(`BEGIN; UPDATE tickets SET details = details || '{"seen": true}' WHERE id = 1`);
      const walking = table.rekey();
      const watcher = await plainClient(server.url);
      try {
        await untilWaiting(watcher, 1, [walking]);
        await admin.query("COMMIT");
        const { drained } = await walking;
        assert.equal(drained.length, 1);
      } finally {
        await watcher.end();
      }
      const [, row] = await table.rows();
      const { seen, client } = JSON.parse(row?.details ?? "") as { seen: boolean; client: { ip: string } };
      assert.equal(seen, true);
      assert.deepEqual(table.mask("login.ip").open([client.ip]), [{ value: "192.0.2.1" }]);
    });

    test("long documents are held a few at a time, and are one transaction all the same", async () => {
      const table = await new Tickets(database, admin).open();
      await table.load(range(30, 0));
      // random: what is compressed would be small
      const long = randomBytes(200_000);
      for (const { id } of await table.rows()) {
        const rest = JSON.stringify({ rest: Buffer.concat([long.subarray(Number(id)), long]).toString("hex") });
        await admin.query("UPDATE tickets SET details = details || $1 WHERE id = $2", [rest, id]);
      }
      await table.rotate();
      const held: number[] = [];
      let steps = 0;
      const result = await table.rekey((await table.columns()).all, (store) => ({
        parts: () => store.parts(),
        begin: (toKey) => store.begin(toKey),
        restart: (pass) => store.restart(pass),
        finish: () => store.finish(),
        step: (from, until, remask) => {
          steps += 1;
          return store.step(from, until, (rows) => {
            held.push(rows.length);
            return remask(rows);
          });
        },
      }));
      assert.deepEqual([result.changed, result.drained.length], [30, 1]);
      assert.ok(held.length > steps, `${held.length} portions in ${steps} steps`);
      assert.ok(Math.max(...held) < 30);
    });

    test("an altered token inside a value stays, is told with its column, and keeps its key from being drained", async () => {
      const table = await new Tickets(database, admin).open();
      await table.load(range(3, 0));
      const first = table.rings[0]?.primaryId as number;
      const alter = `regexp_replace(details::text, '("${prefixOf(first)}[^"]{10}).', '\\1' || '~')::jsonb`;
      await admin.query(`UPDATE tickets SET details = ${alter} WHERE id = 1`);
      const [, , { notes } = { notes: "" }] = await table.rows();
      const at = notes.indexOf(prefixOf(first)) + 12;
      const altered = `${notes.slice(0, at)}${notes[at] === "x" ? "y" : "x"}${notes.slice(at + 1)}`;
      await admin.query("UPDATE tickets SET notes = $1 WHERE id = 2", [altered]);
      await table.rotate();
      const { unopened, examples, drained, holders } = await table.rekey();
      assert.deepEqual([unopened, drained], [2, []]);
      assert.deepEqual(examples.map(({ column, keyId, failure }) => [column, keyId, failure]).sort(), [
        ["details", first, "not_a_token"],
        ["notes", first, "not_authentic"],
      ]);
      assert.deepEqual(
        holders,
        ["details", "notes"].map((name) => `1 rows of public.tickets, column ${name}, hold tokens of key ${first}`),
      );
    });
  });
}
