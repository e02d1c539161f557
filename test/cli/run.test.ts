import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import type { RunTotals } from "../../src/pipeline/engine.ts";
import type { Database } from "../../src/postgres/database.ts";
import type { Account } from "../../src/postgres/ledger.ts";
import { schemaVersion } from "../../src/postgres/migrate.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, jsonError, maskline, succeeded } from "./expect.ts";

const sampleCount = 300;
const allVersions: readonly number[] = Array.from({ length: schemaVersion }, (_, index) => index + 1);

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(async () => servers?.stop());

suite("a run and what can be seen of it", () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await openWorkspace(servers);
  });
  after(async () => workspace?.close());

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(workspace.folder, args);

  test("before the first run, ledger, quarantine and duplicates say that there is nothing", async () => {
    const [ledger, quarantine, duplicates] = await Promise.all([call("ledger"), call("quarantine", "list"), call("duplicates")]);
    assert.match(succeeded(ledger).stderr, /no run has been recorded yet\nnext: maskline run --drain/);
    assert.match(succeeded(quarantine).stderr, /the quarantine is empty/);
    assert.match(succeeded(duplicates).stdout, /masked_ip: no value is shared by several user_id/);
  });

  test("sample --send puts events on the queue, and a drain takes them all", async () => {
    const sent = succeeded(await call("sample", "--send", "--count", String(sampleCount), "--json"));
    assert.deepEqual(documentOf(sent), { sent: sampleCount });
    const bad = [...sampleEvents({ count: sampleCount, seed: 1 })].filter(({ kind }) => kind !== "login").length;
    const finished = succeeded(await call("run", "--drain", "--idle", "1s", "--json"));
    const totals = documentOf(finished) as RunTotals & { readonly seconds: number };
    assert.deepEqual(
      { ...totals, run: "", seconds: 0 },
      { run: "", received: sampleCount, loaded: sampleCount - bad, duplicate: 0, quarantined: bad, returned: 0, seconds: 0 },
    );
    assert.match(finished.stderr, /^queue: about \d+ visible, 0 in flight, 0 delayed \(json protocol\)$/m);
    assert.match(finished.stderr, /^draining: ends when the queue has stayed empty for 1 s$/m);
    assert.match(finished.stderr, /^note: .* can stay hidden for 30 s, longer than --idle$/m);
    assert.equal(await countRows(workspace.database, "user_logins"), sampleCount - bad);
  });

  test("ledger adds up, as a table and as JSON", async () => {
    const [table, json] = await Promise.all([call("ledger"), call("ledger", "--json")]);
    assert.equal(succeeded(table).stderr, "");
    const [heading = "", row = "", end] = table.stdout.split("\n");
    assert.deepEqual(heading.split(/ +/), [
      "started",
      "run",
      "received",
      "loaded",
      "duplicate",
      "quarantined",
      "returned",
      "difference",
      "state",
    ]);
    assert.match(row, / 300 .* 0 +closed$/);
    assert.equal(end, "");
    const { runs } = documentOf(succeeded(json)) as { readonly runs: readonly Account[] };
    const [account] = runs;
    assert.ok(account && runs.length === 1);
    assert.equal(account.received, account.loaded + account.duplicate + account.quarantined + account.returned);
    assert.deepEqual([account.difference, account.state, account.pipeline], [0, "closed", "public.user_logins"]);
  });

  test("ledger --message finds where one message is, and says when it is nowhere", async () => {
    const [loaded, quarantined] = await Promise.all(
      ["loaded", "quarantined"].map((outcome) => oneMessage(workspace.database, outcome)),
    );
    const [first, second, unknown] = await Promise.all(
      [loaded ?? "", quarantined ?? "", "nowhere"].map((id) => call("ledger", "--message", id)),
    );
    assert.ok(first && second && unknown);
    assert.match(succeeded(first).stdout, /^loaded {2}public\.user_logins {2}sent \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n$/);
    assert.match(succeeded(second).stdout, /^quarantined {2}public\.user_logins {2}sent /);
    failed(unknown, { code: "not_found", says: /message nowhere is not known here/, next: /maskline ledger --all/ });
  });

  test("quarantine list groups by reason and field, and show tells every fault but no value", async () => {
    const [list, json] = await Promise.all([call("quarantine", "list"), call("quarantine", "list", "--json")]);
    assert.match(succeeded(list).stdout, /^messages +reason +field /);
    const { groups } = documentOf(succeeded(json)) as {
      readonly groups: readonly {
        readonly reason: string;
        readonly path: string;
        readonly messages: number;
        readonly exampleId: string;
      }[];
    };
    const quarantined = await countRows(workspace.database, "maskline.quarantine");
    assert.equal(
      groups.reduce((sum, { messages }) => sum + messages, 0),
      quarantined,
    );
    const tooLong = groups.find(({ reason }) => reason === "too_long");
    assert.equal(tooLong?.path, "user_id");
    const [shown, unknown] = await Promise.all([
      call("quarantine", "show", tooLong?.exampleId ?? ""),
      call("quarantine", "show", "nowhere"),
    ]);
    assert.match(succeeded(shown).stdout, /^too_long +user_id +at most 128 characters +\d+ characters$/m);
    assert.match(shown.stdout, /^user_id +text +\d+$/m);
    assert.equal(shown.stderr, "");
    const bodies = [...sampleEvents({ count: sampleCount, seed: 1 })].map(({ body }) => body);
    const values = bodies.flatMap((body) =>
      [...body.matchAll(/"(?:ip|device_id|user_id)": ?"([^"]{6,})"/g)].map((found) => found[1] ?? ""),
    );
    assert.ok(values.length > sampleCount);
    for (const value of values) assert.ok(!(list.stdout + shown.stdout).includes(value), "no value of a message");
    failed(unknown, { code: "not_found", says: /message nowhere is not in the quarantine/, next: /maskline quarantine list/ });
  });

  test("duplicates shows values that several users share, for masked columns only", async () => {
    const json = documentOf(succeeded(await call("duplicates", "--json"))) as {
      readonly by: string;
      readonly columns: readonly {
        readonly column: string;
        readonly values: readonly { readonly users: number; readonly token: string }[];
      }[];
    };
    assert.equal(json.by, "user_id");
    assert.deepEqual(
      json.columns.map(({ column }) => column),
      ["masked_ip", "masked_device_id"],
    );
    for (const { values } of json.columns) {
      assert.ok(values.length > 0 && values.every(({ users, token }) => users > 1 && /^[\w-]{30,}$/.test(token)));
      assert.deepEqual(
        values.map(({ users }) => users),
        values.map(({ users }) => users).sort((left, right) => right - left),
      );
    }
    const [one, plain, unknown] = await Promise.all([
      call("duplicates", "--column", "masked_ip", "--limit", "1"),
      call("duplicates", "--column", "locale"),
      call("duplicates", "--by", "nobody"),
    ]);
    assert.equal(succeeded(one).stdout.trimEnd().split("\n").length, 4, "heading, titles, one value, how many more");
    failed(plain, {
      code: "usage",
      says: /no column locale whose mask keeps equal values equal/,
      next: /masked_ip, masked_device_id/,
    });
    failed(unknown, { code: "usage", says: /the contract has no column nobody/, next: /--by one of: user_id/ });
  });

  test("--max-messages stops a run, and leaves the rest on the queue", async () => {
    const own = await openWorkspace(servers);
    try {
      await own.send(Array.from({ length: 25 }, (_, n) => login(`u-${n}`)));
      const totals = documentOf(succeeded(await maskline(own.folder, ["run", "--max-messages", "12", "--json"]))) as RunTotals;
      assert.deepEqual([totals.received, totals.loaded], [12, 12]);
      assert.equal(await countRows(own.database, "user_logins"), 12);
      assert.deepEqual(await servers.queues.counts(own.queueUrl), { visible: 13, inFlight: 0, delayed: 0 });
    } finally {
      await own.close();
    }
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} ends an idle run in order: exit 0, ledger closed, nothing left in flight`, async () => {
      const own = await openWorkspace(servers);
      try {
        await own.send(Array.from({ length: 25 }, (_, n) => login(`u-${n}`)));
        // 20 s of long poll: it ends at once only if the signal ends the poll
        const running = startMaskline(own.folder, ["run", "--json", "--set", "source.sqs.wait_seconds=20"]);
        await untilDeleted(own, servers, running.finished);
        running.kill(signal);
        const finished = succeeded(await running.finished);
        assert.equal(finished.signal, null);
        assert.match(finished.stderr, /^stopping in order; /m);
        const totals = documentOf(finished) as RunTotals;
        assert.deepEqual([totals.received, totals.loaded, totals.returned], [25, 25, 0]);
        const { runs } = documentOf(await maskline(own.folder, ["ledger", "--json"])) as { readonly runs: readonly Account[] };
        assert.deepEqual(
          runs.map(({ received, difference, state }) => [received, difference, state]),
          [[25, 0, "closed"]],
        );
        assert.deepEqual(await servers.queues.counts(own.queueUrl), { visible: 0, inFlight: 0, delayed: 0 });
      } finally {
        await own.close();
      }
    });
  }

  test("a body of 256 KB is loaded like any other, one over the limit is quarantined as too large", async () => {
    const own = await openWorkspace(servers);
    try {
      const login = (filling: number): string =>
        JSON.stringify({
          ...{
            user_id: `of-${filling}`,
            app_version: "2.3.0",
            device_type: "ios",
            ip: "203.0.113.7",
            locale: null,
            device_id: "1-2-3",
          },
          unknown: "x".repeat(filling),
        });
      await own.send([login(262_144)]);
      await own.send([login(600_000)]);
      const set = ["--set", "limits.body_bytes=500000"];
      const totals = documentOf(
        succeeded(await maskline(own.folder, ["run", "--max-messages", "2", "--json", ...set])),
      ) as RunTotals;
      assert.deepEqual([totals.loaded, totals.quarantined], [1, 1]);
      const { groups } = documentOf(succeeded(await maskline(own.folder, ["quarantine", "list", "--json"]))) as {
        groups: { reason: string }[];
      };
      assert.deepEqual(
        groups.map(({ reason }) => reason),
        ["too_large"],
      );
    } finally {
      await own.close();
    }
  });

  test("--max-duration ends a run in order", async () => {
    const finished = succeeded(await call("run", "--max-duration", "0.2s", "--json"));
    assert.equal((documentOf(finished) as RunTotals).received, 0);
  });

  test("a drain that is stopped before its end says so, with an exit code of its own", async () => {
    const stopped = await call("run", "--drain", "--max-duration", "1s");
    failed(stopped, { code: "drain_unfinished", says: /0 received = 0 loaded/, next: /run it again/ });
    assert.equal(stopped.code, 5);
  });
});

suite("maskline migrate", () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await openWorkspace(servers);
  });
  after(async () => workspace?.close());
  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(workspace.folder, args);

  test("what --print prints makes on an empty database what migrate makes", async () => {
    const { database } = workspace;
    const printed = succeeded(await call("migrate", "--print"));
    assert.equal(printed.stderr, "");
    const made = await schemaOf(database, "maskline");
    assert.ok(made.length > 40, "tables, columns, keys and the view were read");
    await database.query("clearing", "DROP SCHEMA maskline CASCADE");
    await database.query("by hand", printed.stdout);
    assert.deepEqual(await schemaOf(database, "maskline"), made);
    const again = succeeded(await call("migrate"));
    assert.match(again.stderr, /schema maskline is current/);
    succeeded(await call("check", "--connect"));
  });

  test("migrate can be repeated, takes a schema name that needs quotes, and leaves the user's table alone", async () => {
    const { database } = workspace;
    const mine = await schemaOf(database, "public");
    const set = ["--set", 'sink.postgres.schema=My "own" schema'];
    const first = documentOf(succeeded(await call("migrate", "--json", ...set)));
    const second = documentOf(succeeded(await call("migrate", "--json", ...set)));
    assert.deepEqual(first, { schema: 'My "own" schema', version: schemaVersion, applied: allVersions });
    assert.deepEqual(second, { schema: 'My "own" schema', version: schemaVersion, applied: [] });
    assert.deepEqual(await schemaOf(database, "public"), mine);
    assert.equal((await schemaOf(database, 'My "own" schema')).length, (await schemaOf(database, "maskline")).length);
  });

  test("what a newer maskline made is not touched", async () => {
    const { database } = workspace;
    await database.query("preparing", "INSERT INTO maskline.migration (version) VALUES (99)");
    failed(await call("migrate"), { code: "schema_newer", says: /is at version 99/, next: /newer maskline/ });
    const error = jsonError(await call("ledger", "--json"));
    assert.equal(error.code, "schema_newer");
    await database.query("restoring", "DELETE FROM maskline.migration WHERE version = 99");
  });
});

function login(userId: string): string {
  return JSON.stringify({
    user_id: userId,
    device_type: "ios",
    ip: "192.0.2.1",
    device_id: "d-1",
    locale: "DE",
    app_version: "2.3",
  });
}

async function oneMessage(database: Database, outcome: string): Promise<string> {
  const [row] = await database.query<{ id: string }>("looking", "SELECT id FROM maskline.receipt WHERE outcome = $1 LIMIT 1", [
    outcome,
  ]);
  return row?.id ?? "";
}

/** Resolves once the run has loaded and deleted all that was sent; fails when it ends first. */
async function untilDeleted({ queueUrl }: Workspace, { queues }: Servers, finished: Promise<unknown>): Promise<void> {
  let ended = false;
  void finished.then(() => (ended = true));
  for (;;) {
    const { visible, inFlight } = await queues.counts(queueUrl);
    if (visible + inFlight === 0) return;
    assert.ok(!ended, "the run goes on");
    await pause(20);
  }
}

/** Every table, view, column, default, constraint and index of a schema, as text without the schema's name. */
async function schemaOf(database: Database, schema: string): Promise<readonly string[]> {
  const rows = await database.query<{ line: string }>(
    "reading the catalog",
    `SELECT line FROM (
       SELECT c.oid, 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull ||
              a.attidentity::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce(co.collname, '') AS line
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
       LEFT JOIN pg_collation co ON co.oid = a.attcollation
       WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('r', 'v', 'p') AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL SELECT oid, 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = to_regnamespace(quote_ident($1))
       UNION ALL SELECT oid, 'kind ' || relname || ' ' || relkind::text || relpersistence::text FROM pg_class
       WHERE relnamespace = to_regnamespace(quote_ident($1))
       UNION ALL SELECT oid, 'view ' || relname || pg_get_viewdef(oid) FROM pg_class
       WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind = 'v'
     ) AS everything ORDER BY line`,
    [schema],
  );
  return rows.map(({ line }) => line);
}
