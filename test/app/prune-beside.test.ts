import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import type pg from "pg";

import { pruneBeside } from "../../src/app/prune-beside.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { PipelineEvent } from "../../src/pipeline/report.ts";
import type { Database } from "../../src/postgres/database.ts";
import { load, oneColumn } from "../harness/configuration.ts";
import { connect, countRows, openLoginSink } from "../harness/login-table.ts";
import { SteppedClock } from "../harness/stepped-clock.ts";
import { otherwise, plainClient } from "../postgres/databases.ts";

const minuteMs = 60_000;

suite("pruning beside the lanes", { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let database: Database;
  let admin: pg.Client;
  before(async () => {
    server = await startPostgres();
    database = connect(server.url);
    admin = await plainClient(server.url);
  });
  after(async () => {
    await admin?.end();
    await database?.close();
    await server?.stop();
  });

  const addOld = (): Promise<unknown> =>
    admin.query(
      "INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome) VALUES (1, now() - interval '20 days', gen_random_uuid()::text, 'loaded')",
    );
  const left = (): Promise<number> => countRows(database, "maskline.receipt");
  const settings = (days: number = 15) =>
    load(`sink: { postgres: { url: "${server.url}", table: user_logins, receipt_days: ${days} } }\n${oneColumn}`);

  function start(using: Database, days?: number) {
    const [clock, ended, told]: [SteppedClock, AbortController, PipelineEvent[]] = [new SteppedClock(), new AbortController(), []];
    let over = false;
    const parts = { settings: settings(days), database: using, clock, report: (event: PipelineEvent) => told.push(event) };
    const running = pruneBeside(parts, ended.signal).finally(() => (over = true));
    return { clock, told, running, isOver: () => over, end: () => ended.abort() };
  }

  test("the first time soon after the start, then every hour, until the run ends", async () => {
    await openLoginSink(database);
    await addOld();
    const { clock, told, running, end } = start(database);
    await clock.pass(5_000);
    assert.equal(await left(), 1, "not at once");
    await clock.pass(minuteMs);
    await until(async () => (await left()) === 0);
    await addOld();
    await until(() => clock.sleepers === 1);
    await clock.pass(50 * minuteMs);
    assert.equal(await left(), 1);
    await clock.pass(30 * minuteMs);
    await until(async () => (await left()) === 0);
    end();
    await running;
    assert.deepEqual(told, []);
  });

  test("as many days as the configuration says", async () => {
    await openLoginSink(database);
    await addOld();
    const { clock, running, end } = start(database, 30);
    await clock.pass(minuteMs);
    await until(() => clock.sleepers === 1);
    assert.equal(await left(), 1);
    end();
    await running;
  });

  test("a role that may not is told so once, and nothing is tried again", async () => {
    await openLoginSink(database);
    await admin.query("CREATE ROLE writer LOGIN PASSWORD 'writer'; GRANT USAGE ON SCHEMA maskline TO writer");
    const writer = connect(otherwise(server.url, { user: "writer", password: "writer" }));
    try {
      const { clock, told, running } = start(writer);
      await clock.pass(minuteMs);
      await running;
      assert.deepEqual(told, [{ kind: "unpruned", code: null }]);
    } finally {
      await writer.close();
      await admin.query("DROP OWNED BY writer; DROP ROLE writer");
    }
  });

  test("a failure never ends the run: it is told once, and an hour later it is tried again", async () => {
    await openLoginSink(database);
    await addOld();
    await admin.query("ALTER TABLE maskline.receipt RENAME COLUMN outcome TO away");
    const { clock, told, running, isOver, end } = start(database);
    await clock.pass(minuteMs);
    for (let hours = 0; hours < 3; hours += 1) {
      await until(() => clock.sleepers === 1);
      await clock.pass(90 * minuteMs);
    }
    await until(() => clock.sleepers === 1);
    assert.deepEqual(told, [{ kind: "unpruned", code: "database_refused" }]);
    assert.equal(isOver(), false);
    await admin.query("ALTER TABLE maskline.receipt RENAME COLUMN away TO outcome");
    await clock.pass(90 * minuteMs);
    await until(async () => (await left()) === 0);
    end();
    await running;
  });

  test("an outage is nothing to tell: the lanes tell it", async () => {
    const away = connect("postgres://nobody@127.0.0.1:1/nothing");
    const { clock, told, running, isOver, end } = start(away);
    await clock.pass(minuteMs);
    await until(() => clock.sleepers === 1);
    assert.deepEqual([told, isOver()], [[], false]);
    end();
    await running;
    await away.close();
  });
});

/** Lets what is under way with the database come to an end. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await turn();
}
