import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { erase } from "../../src/app/recovery/erase.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import type { Refusal } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { findDuplicates } from "../../src/postgres/duplicates.ts";
import { countRowsWith, type Condition, selectTokens } from "../../src/postgres/recovery/token-selection.ts";
import { rehearse } from "../../src/postgres/rehearsal.ts";
import { checkTarget } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { openLoginReplay } from "../harness/login-replay.ts";
import {
  connect,
  loginDemands,
  loginTable,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  rowsOf,
} from "../harness/login-table.ts";
import { RotatingTable, sharedLogins } from "../harness/rotating-table.ts";
import { loginOf, VaultTable } from "../harness/vault-table.ts";
import { plainClient } from "./databases.ts";

/** What an application has that was written for its own search path: nothing in these bodies is qualified. */
const applicationSql = `
CREATE SCHEMA app;
CREATE TABLE app.noted (what text NOT NULL);
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO noted VALUES (TG_OP); RETURN NEW; END $$;`;
const noting = (table: string): string =>
  `CREATE TRIGGER noting BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE PROCEDURE app.note()`;

for (const engine of postgresServers()) {
  suite(`a table that rests on a search path of its own, on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      server = await engine.start();
      admin = await plainClient(server.url);
      await admin.query("ALTER ROLE CURRENT_USER SET search_path = public, app");
      await admin.query(applicationSql);
      database = connect(server.url, 6);
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    const noted = async (client: pg.Client = admin): Promise<Readonly<Record<string, number>>> => {
      const { rows } = await client.query<{ what: string; n: number }>("SELECT what, count(*)::int AS n FROM app.noted GROUP BY 1");
      await client.query("TRUNCATE app.noted");
      return Object.fromEntries(rows.map(({ what, n }) => [what, n]));
    };

    test("is loaded and walked with it: by COPY and by statements", async () => {
      const table = await RotatingTable.open(database, server.url, noting("public.user_logins"));
      await table.load(table.ring, sharedLogins(300));
      await table.load(table.ring, sharedLogins(20));
      assert.deepEqual(await noted(), { INSERT: 320 });
      await table.rotate();
      assert.equal((await table.rekey()).changed, 320);
      assert.deepEqual(await noted(), { UPDATE: 320 });
    });

    test("is tried and replayed into with it", async () => {
      await admin.query("DROP TABLE IF EXISTS public.user_logins CASCADE");
      const sink = await openLoginSink(database, "maskline", noting("public.user_logins"));
      await sink.probe();
      const columns = await checkTarget(database, loginTable, loginDemands);
      const pipelineName = "public.user_logins";
      const rehearsal = { schema: "maskline", table: loginTable, columns, pipeline: pipelineName };
      const rehearsed = await rehearse(
        database,
        rehearsal,
        { rows: makeRows([makeDelivery()]), refused: [] },
        new AbortController().signal,
      );
      assert.deepEqual(
        [...rehearsed.values()].map(({ outcome }) => outcome),
        ["loaded"],
      );
      const delivery = makeDelivery();
      assert.deepEqual(outcomesOf(await sink.load(makeBatch(makeRows([]), [refusalOf(delivery)]))), { quarantined: 1 });
      const replay = await openLoginReplay(database);
      const back = await replay.write({ rows: makeRows([{ ...delivery, handle: delivery.id }]), refused: [] });
      assert.equal(back.loaded, 1);
      assert.deepEqual(await noted(), { INSERT: 1 });

      const [good, bad] = [makeDelivery(), makeDelivery()];
      const rows = rowsOf(
        [good, bad],
        makeRows([good, bad]).columns.map((column, i) => (loginDemands[i]?.name === "app_version" ? ["1", "x"] : column)),
      );
      const settled = await sink.load(makeBatch(rows, [], { sequence: 2 }));
      assert.deepEqual(outcomesOf(settled), { loaded: 1, quarantined: 1 });
      assert.deepEqual(await noted(), { INSERT: 1 });
    });

    test("may have types of other schemas: erased from, looked through and counted as those types compare", async () => {
      const table = await VaultTable.create(server);
      const client = await plainClient(table.url);
      try {
        await client.query(`${applicationSql}
          CREATE SCHEMA ext;
          CREATE EXTENSION citext SCHEMA ext;
          CREATE DOMAIN app.nick AS ext.citext CHECK (value <> '');
          CREATE TYPE app.mood AS ENUM ('sad', 'glad');
          CREATE FUNCTION app.usual() RETURNS app.mood LANGUAGE plpgsql AS $$ BEGIN RETURN 'glad'::mood; END $$;
          ALTER TABLE public.logins ALTER user_id TYPE app.nick, ADD mood app.mood DEFAULT app.usual(), ADD place ext.citext DEFAULT 'Here';
          ${noting("public.logins")}`);
        const loader = await table.loader();
        await loader.load([loginOf("Ann", "203.0.113.1"), loginOf("bob", "203.0.113.1"), loginOf("bob", "203.0.113.2")]);
        assert.deepEqual(await noted(client), { INSERT: 3 });
        const logins = { schema: "public", table: "logins" };
        const place = { table: logins, column: "masked_ip", find: null, timeColumn: null };
        const found = async (...condition: readonly [Condition["column"], Condition["operator"], string]): Promise<number> => {
          const [column, operator, value] = condition;
          const selection = { ...place, conditions: [{ column, operator, value }], limit: 10 };
          return (await selectTokens(table.database, selection, () => {})).tokens.length;
        };
        assert.deepEqual(
          [await found("user_id", "=", "ANN"), await found("user_id", "!=", "BOB"), await found("user_id", "<", "BOB")],
          [1, 1, 1],
        );
        assert.deepEqual([await found("place", "=", "HERE"), await found("place", "!=", "here")], [2, 0]);
        assert.deepEqual([await found("mood", "=", "glad"), await found("mood", "<", "glad")], [2, 0]);
        const shared = await findDuplicates(table.database, { ...place, userColumn: "user_id", minUsers: 2, limit: 5 });
        assert.deepEqual(
          shared.map(({ users, rows }) => [users, rows]),
          [[2, 2]],
        );
        const rows = await countRowsWith(table.database, { ...place, column: "place" }, ["here", "Here"]);
        assert.deepEqual(
          rows.map(({ token, rows: count }) => [token, count]),
          [["Here", 3]],
        );
        const why = { reason: "a request under article 17", ticket: "T-17", approval: null };
        const erased = async (user: string): Promise<unknown> =>
          (await erase(table.settings, await table.governed(), { column: "user_id", nullTokens: true, ...why }, user)).certificate[
            "removed"
          ];
        assert.deepEqual(await erased("ann"), { links: 0, originals: 0, bodies: 0, rowsNulled: 0 }, "another subject");
        assert.deepEqual(await erased("Ann"), { links: 1, originals: 0, bodies: 0, rowsNulled: 1 });
        assert.deepEqual(await noted(client), { UPDATE: 1 });
      } finally {
        await client.end();
        await table.close();
      }
    });
  });
}

function refusalOf(delivery: Refusal["delivery"]): Refusal {
  return { delivery, id: delivery.id, faults: [{ reason: "missing", path: "ip", expected: "a value", found: "absent" }] };
}
