import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { type ColumnDuplicates, duplicatesQuestion, duplicatesViews, findAllDuplicates } from "../../src/app/duplicates.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { sampleRandom } from "../../src/demo/sample-random.ts";
import type { Database } from "../../src/postgres/database.ts";
import { createViews, type SharedValue } from "../../src/postgres/duplicates.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { readTokenEpochs } from "../../src/postgres/recovery/token-epochs.ts";
import { registerTokenColumns } from "../../src/postgres/token-columns.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { load } from "../harness/configuration.ts";
import { connect } from "../harness/login-table.ts";
import { otherwise, plainClient } from "./databases.ts";

const settings = load(`
sink: { postgres: { url: "postgres://x@localhost/x", table: people } }
columns:
  user_id: { type: text, required: true }
  ip: { type: ip, mask: { kind: siv, domain: d.ip } }
  device: { type: text, mask: { kind: hmac, domain: d.device } }
  seen_at: { from: $sent_at, type: timestamp }
`);
const table = { schema: "public", table: "people" };

/** The tokens of a value under two keys; aliases tell that they are of one. */
const tokenOf = (value: number, key: "old" | "new"): string => `${key === "old" ? "AQAAAB" : "AQAAAC"}-${key}-${value}`;

interface Row {
  readonly user: string;
  readonly ip: number;
  readonly key: "old" | "new";
  readonly device: string | null;
  readonly at: string;
}

for (const engine of postgresServers()) {
  suite(`shared values on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    const rows: Row[] = [];
    before(async () => {
      server = await engine.start();
      database = connect(server.url);
      admin = await plainClient(server.url);
      await migrate(database, "maskline");
      await admin.query("CREATE TABLE people (user_id text, ip text, device text, seen_at timestamptz)");
      await admin.query(
        `INSERT INTO maskline.ring_key (ring, kind, key_id, state) VALUES (16, 'root', 16, 'open'), (16, 'root', 32, 'open')`,
      );
      const random = sampleRandom(7);
      for (let i = 0; i < 600; i += 1) {
        rows.push({
          user: `user ${random.below(40)}`,
          ip: random.below(60),
          key: random.below(2) === 0 ? "old" : "new",
          device: random.below(5) === 0 ? null : `-device ${random.below(200)}`,
          at: new Date(Date.UTC(2026, 10, 1) + random.below(1_000_000) * 1_000).toISOString(),
        });
      }
      await admin.query("INSERT INTO people SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])", [
        rows.map(({ user }) => user),
        rows.map(({ ip, key }) => tokenOf(ip, key)),
        rows.map(({ device }) => device),
        rows.map(({ at }) => at),
      ]);
      for (let value = 0; value < 60; value += 1) {
        const alias = [16, "d.ip", tokenOf(value, "new"), tokenOf(value, "old")];
        await admin.query("INSERT INTO maskline.token_alias (anchor, domain, token, canonical) VALUES ($1, $2, $3, $4)", alias);
      }
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    /** The same by counting here. */
    function expected(minUsers: number, valueOf: (row: Row) => string | null): readonly Omit<SharedValue, "token">[] {
      const groups = Map.groupBy(
        rows.filter((row) => valueOf(row) !== null),
        (row) => valueOf(row),
      );
      const counted = [...groups.values()].map((group) => {
        const times = group.map(({ at }) => at).sort();
        return {
          users: new Set(group.map(({ user }) => user)).size,
          rows: group.length,
          firstSeen: times[0],
          lastSeen: times.at(-1),
        };
      });
      const shared = counted.filter(({ users }) => users >= minUsers);
      return shared
        .map((value) => {
          const before = shared.filter(({ users, rows: n }) => users > value.users || (users === value.users && n > value.rows));
          return { rank: before.length + 1, ...value, firstSeen: value.firstSeen ?? null, lastSeen: value.lastSeen ?? null };
        })
        .toSorted(byPlace);
    }

    const byPlace = (left: Omit<SharedValue, "token">, right: Omit<SharedValue, "token">): number =>
      left.rank - right.rank || (left.firstSeen ?? "").localeCompare(right.firstSeen ?? "");
    const asIso = (time: Date | string | null): string | null => (time === null ? null : new Date(time).toISOString());
    const withoutTokens = ({ values }: ColumnDuplicates): readonly Omit<SharedValue, "token">[] =>
      values
        .map(({ rank, users, rows: count, firstSeen, lastSeen }) => ({
          rank,
          users,
          rows: count,
          firstSeen: asIso(firstSeen),
          lastSeen: asIso(lastSeen),
        }))
        .toSorted(byPlace);

    test("users, rows, first and last seen and rank are those of a count by hand, also while two keys are about", async () => {
      for (const minUsers of [2, 6]) {
        const question = duplicatesQuestion(settings, null, null, minUsers);
        const [ip, device] = await findAllDuplicates(settings, database, question, 1_000);
        assert.ok(ip && device);
        assert.ok(expected(minUsers, (row) => String(row.ip)).length > 10);
        assert.deepEqual(
          withoutTokens(ip),
          expected(minUsers, (row) => String(row.ip)),
        );
        assert.deepEqual(
          withoutTokens(device),
          expected(minUsers, ({ device: token }) => token),
        );
        assert.ok(
          ip.values.every(({ token }) => token.startsWith("AQAAAC")),
          "the newest key's tokens",
        );
      }
      const [few] = await findAllDuplicates(settings, database, duplicatesQuestion(settings, "ip"), 3);
      assert.deepEqual(
        few?.values.map(({ rank }) => rank),
        expected(2, (row) => String(row.ip))
          .map(({ rank }) => rank)
          .slice(0, 3),
      );
    });

    test("the printed views say the same, and are created once, both or none", async () => {
      const views = duplicatesViews(settings, duplicatesQuestion(settings, null, null, 3));
      assert.deepEqual(
        views.map(({ name }) => name.table),
        ["people_equal", "people_shared"],
      );
      await admin.query("CREATE TABLE people_shared ()");
      await assert.rejects(createViews(database, views), {
        code: "database_refused",
        message: /public\.people_shared is there already/,
      });
      assert.equal((await admin.query("SELECT to_regclass('people_equal') AS view")).rows[0].view, null);
      await admin.query("DROP TABLE people_shared");
      await createViews(database, views);
      const { rows: shared } = await admin.query<Omit<SharedValue, "token"> & { masked_column: string }>(
        `SELECT masked_column, rank::int, users::int, rows::int, first_seen AS "firstSeen", last_seen AS "lastSeen" FROM people_shared`,
      );
      for (const [column, valueOf] of [
        ["ip", (row: Row) => String(row.ip)],
        ["device", (row: Row) => row.device],
      ] as const) {
        const found = shared.filter((value) => value.masked_column === column);
        assert.deepEqual(
          found
            .map(({ rank, users, rows: n, firstSeen, lastSeen }) => ({
              rank,
              users,
              rows: n,
              firstSeen: asIso(firstSeen),
              lastSeen: asIso(lastSeen),
            }))
            .toSorted(byPlace),
          expected(3, valueOf),
        );
      }
      const { rows: joined } = await admin.query<{ wrong: number; all: number }>(
        `SELECT count(*) FILTER (WHERE s.users IS DISTINCT FROM e.users)::int AS wrong, count(*)::int AS all
         FROM people_shared s LEFT JOIN (SELECT ip_equal, count(DISTINCT user_id) AS users FROM people_equal GROUP BY 1) e
           ON e.ip_equal = s.value WHERE s.masked_column = 'ip'`,
      );
      assert.deepEqual(
        joined,
        [{ wrong: 0, all: expected(3, (row) => String(row.ip)).length }],
        "a value is what the other view says",
      );
    });

    test("a column that has held tokens of two keys that do not say theirs is told, and one under a tagged mask is not", async () => {
      const place = (column: string, domain: string, keyId: number | null) =>
        ({ table, column, domain, layout: "whole", keyId, ring: 16 }) as const;
      await registerTokenColumns(database, "maskline", [place("ip", "d.ip", null), place("device", "d.device", 16)]);
      assert.deepEqual(
        await readTokenEpochs(database, "maskline", table),
        new Map([
          ["ip", 1],
          ["device", 1],
        ]),
      );
      await registerTokenColumns(database, "maskline", [place("ip", "d.ip", null), place("device", "d.device", 32)]);
      const epochs = async (): Promise<readonly (number | null)[]> =>
        (await findAllDuplicates(settings, database, duplicatesQuestion(settings), 1)).map((column) => column.epochs);
      assert.deepEqual(await epochs(), [1, 2]);
      await registerTokenColumns(database, "maskline", [place("ip", "another domain", null)]);
      assert.deepEqual(await epochs(), [2, 2], "tokens of two domains are not comparable either");
    });

    test("whoever may not read where tokens are written gets the values all the same", async () => {
      await admin.query(`CREATE ROLE analyst LOGIN PASSWORD 'analyst'; GRANT SELECT ON people TO analyst;
        GRANT USAGE ON SCHEMA maskline TO analyst; GRANT SELECT ON maskline.ring_key, maskline.alias TO analyst`);
      const analyst = connect(otherwise(server.url, { user: "analyst", password: "analyst" }));
      try {
        const found = await findAllDuplicates(settings, analyst, duplicatesQuestion(settings), 1_000);
        assert.deepEqual(
          found.map(({ column, tagged, epochs }) => ({ column, tagged, epochs })),
          [
            { column: "ip", tagged: true, epochs: null },
            { column: "device", tagged: false, epochs: null },
          ],
        );
        assert.deepEqual(
          withoutTokens(found[0] as ColumnDuplicates),
          expected(2, (row) => String(row.ip)),
        );
      } finally {
        await analyst.close();
      }
    });
  });
}
