import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import type { RunTotals } from "../../src/pipeline/engine.ts";
import type { Trip } from "../../src/postgres/trips.ts";
import { countRows } from "../harness/login-table.ts";
import { type Finished, openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, jsonError, maskline, succeeded } from "./expect.ts";

const strict = ["--set", "limits.refused=5", "--set", "run.lanes=1"];
const good = Array.from({ length: 3 }, (_, n) => login({ user_id: `u-${n}` }));
const bad = [...Array.from({ length: 5 }, () => login({ ip: undefined })), "not json", login({ ip: "nowhere-4711" })];

suite("a pipeline that refuses too many messages", () => {
  let servers: Servers;
  let workspace: Workspace;
  before(async () => {
    servers = await startServers();
    workspace = await openWorkspace(servers);
  });
  after(async () => {
    await workspace?.close();
    await servers?.stop();
  });

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(workspace.folder, args);
  /** What is said, without the time at which it happened. */
  const said = ({ stderr }: Finished): string => stderr.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, "TIME");

  test("before it trips there is nothing to resume, and a reason is wanted all the same", async () => {
    const [resume, dry, list, reasonless, empty, check] = await Promise.all([
      call("resume", "--reason", "why not"),
      call("resume", "--dry-run"),
      call("resume", "--list"),
      call("resume"),
      call("resume", "--reason", " "),
      call("check", "--connect"),
    ]);
    for (const nothing of [resume, dry]) {
      failed(nothing, { code: "not_found", says: /pipeline public\.user_logins does not stand still/, next: /resume --list/ });
    }
    assert.equal(succeeded(list).stderr, "pipeline public.user_logins has never tripped\n");
    for (const without of [reasonless, empty]) {
      failed(without, { code: "usage", says: /resume: wants a reason/, next: /--reason TEXT/ });
    }
    assert.match(
      succeeded(check).stderr,
      /ok {4}failure budget: at most 30 refused messages or a share of 0\.05 among the newest 1000/,
    );
  });

  test("the run ends with an exit code of its own; the batch is back on the queue, and nothing of it in the database", async () => {
    await workspace.send([...good, ...bad]);
    const run = await call("run", "--drain", ...strict);
    assert.equal(run.code, 6);
    assert.match(
      said(run),
      new RegExp(
        `^maskline: too many messages were refused: 7 of the newest 10, and limits\\.refused allows 5; pipeline public\\.user_logins stands still since TIME
  5 x missing, ip
  1 x bad_format, ip
  1 x not_json
next: maskline preview -n 10 shows what comes; correct the contract, the producer or limits\\.refused; then maskline resume --reason TEXT
$`,
        "m",
      ),
    );
    assert.ok(!run.stderr.includes("4711"), "no value");
    assert.deepEqual(await servers.queues.counts(workspace.queueUrl), { visible: 10, inFlight: 0, delayed: 0 });
    for (const table of ["user_logins", "maskline.receipt", "maskline.quarantine"]) {
      assert.equal(await countRows(workspace.database, table), 0, table);
    }
  });

  test("every start is refused in the same words, without a receive, whatever its limits; check and ledger tell it too", async () => {
    const [again, raised, json, check, ledger] = await Promise.all([
      call("run", "--drain", ...strict),
      call("run", "--drain", "--set", "limits.refused=null"),
      call("run", "--drain", "--json"),
      call("check", "--connect", "--json"),
      call("ledger"),
    ]);
    assert.deepEqual([again.code, raised.code], [6, 6]);
    assert.equal(again.stderr, raised.stderr);
    assert.match(again.stderr, /^maskline: too many messages were refused: 7 of the newest 10,/);
    assert.match(again.stderr, /^ {2}5 x missing, ip$/m);
    const error = jsonError(json);
    assert.deepEqual([error.code, error.details.length, error.retryable], ["budget_spent", 3, false]);
    const finding = jsonError(check);
    assert.deepEqual([finding.code, finding.message], ["budget_spent", "1 of 8 checks failed: failure budget"]);
    assert.match(
      succeeded(ledger).stderr,
      /^too many messages were refused: 7 of the newest 10, .*\nnext: maskline resume --dry-run\n$/,
    );
    assert.deepEqual(await servers.queues.counts(workspace.queueUrl), { visible: 10, inFlight: 0, delayed: 0 });
  });

  test("resume says what stood still and why; --dry-run and --list change nothing", async () => {
    const dry = succeeded(await call("resume", "--dry-run"));
    assert.equal(
      said(dry),
      `pipeline public.user_logins stands still since TIME
too many messages were refused: 7 of the newest 10, and limits.refused allows 5
  5 x missing, ip
  1 x bad_format, ip
  1 x not_json
next: maskline resume --reason TEXT
`,
    );
    const open = succeeded(await call("resume", "--list"));
    assert.match(open.stdout.split("\n")[1] ?? "", / 7 +10 +5 x missing, ip +- +- +-$/);
    assert.match(open.stderr, /next: maskline resume --reason TEXT/);

    const resumed = succeeded(await call("resume", "--reason", "producer is fixed"));
    assert.match(
      said(resumed),
      /^pipeline public\.user_logins goes on; it stood still since TIME\ntoo many messages were refused: 7 of/,
    );
    assert.match(
      resumed.stderr,
      /its window begins anew\. The same messages come again, and stop it again while .*\nnext: maskline run\n$/,
    );
    failed(await call("resume", "--reason", "twice"), { code: "not_found", says: /does not stand still/, next: /maskline run/ });
    const { trips } = documentOf(succeeded(await call("resume", "--list", "--json"))) as { readonly trips: readonly Trip[] };
    assert.deepEqual(
      trips.map(({ refused, seen, resumedBy, resumeReason }) => [refused, seen, resumedBy, resumeReason]),
      [[7, 10, "postgres", "producer is fixed"]],
    );
  });

  test("on the same messages it trips again; with a raised limit it goes on, and all of them are accounted for", async () => {
    assert.equal((await call("run", "--drain", ...strict)).code, 6);
    const { resumed, trip } = documentOf(succeeded(await call("resume", "--reason", "let them pass", "--json"))) as {
      readonly resumed: boolean;
      readonly trip: Trip;
    };
    assert.deepEqual([resumed, trip.refused, trip.resumeReason], [true, 7, "let them pass"]);
    assert.deepEqual(Object.keys(trip.limits).sort(), ["refused", "share", "window"], "no other limit is kept with a trip");
    const run = succeeded(await call("run", "--drain", "--idle", "1s", "--json", "--set", "limits.refused=7"));
    const totals = documentOf(run) as RunTotals;
    assert.deepEqual([totals.received, totals.loaded, totals.quarantined, totals.returned], [10, 3, 7, 0]);
  });

  test("a trip of one process stops another at its next load", async () => {
    // one pipeline fed by two queues, so that each process gets what is meant for it
    const [own, feeder] = [await openWorkspace(servers), await openWorkspace(servers)];
    try {
      await own.send(good.slice(0, 1));
      const other = startMaskline(own.folder, ["run", "--json", "--set", "source.sqs.wait_seconds=1"]);
      await untilLoaded(own, other.finished);
      await feeder.send(bad);
      const run = await maskline(own.folder, ["run", "--drain", ...strict, "--set", `source.sqs.queue=${feeder.queueUrl}`]);
      assert.equal(run.code, 6);
      await own.send(good.slice(1, 2));
      const error = jsonError(await other.finished);
      assert.equal(error.code, "budget_spent");
      assert.ok(run.stderr.includes(error.message), "both say the same");
      assert.equal(await countRows(own.database, "user_logins"), 1);
      assert.deepEqual(await servers.queues.counts(own.queueUrl), { visible: 1, inFlight: 0, delayed: 0 });
    } finally {
      await own.close();
      await feeder.close();
    }
  });
});

function login(parts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    user_id: "u",
    device_type: "ios",
    ip: "192.0.2.1",
    device_id: "d-1",
    locale: "DE",
    app_version: "2.3",
    ...parts,
  });
}

/** Resolves once a row is loaded; fails when the run ends first. */
async function untilLoaded({ database }: Workspace, finished: Promise<unknown>): Promise<void> {
  let ended = false;
  void finished.then(() => (ended = true));
  while ((await countRows(database, "user_logins")) === 0) {
    assert.ok(!ended, "the run goes on");
    await pause(20);
  }
}
