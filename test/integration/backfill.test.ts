import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFile, copyFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";

import type { BackfillRehearsal } from "../../src/app/backfill-rehearsal.ts";
import type { BackfillTotals } from "../../src/app/backfill.ts";
import { starterConfig } from "../../src/app/starter.ts";
import type { Account } from "../../src/postgres/ledger.ts";
import { documentOf, failed, succeeded } from "../cli/expect.ts";
import { countRows } from "../harness/login-table.ts";
import {
  type Finished,
  openWorkspace,
  type RunningCommand,
  type Servers,
  startMaskline,
  startNode,
  startServers,
  type Workspace,
} from "../harness/workspace.ts";

const broken = path.resolve(import.meta.dirname, "../harness/broken-backfill.ts");
const sentAt = ["--sent-at", "2024-05-01"];
/** Small batches: more moments at which a kill can fall. */
const smallBatches = ["--set", "backfill.batch_rows=100"];

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(async () => servers?.stop());

function login(user: string, parts: Readonly<Record<string, unknown>> = {}): string {
  const event = {
    user_id: user,
    device_type: "ios",
    ip: "203.0.113.7",
    device_id: "d-1",
    locale: "DE",
    app_version: "2.3",
    ...parts,
  };
  return JSON.stringify(event);
}

function logins(count: number, prefix: string = "user"): string {
  return Array.from({ length: count }, (_, n) => `${login(`${prefix}-${n}`)}\n`).join("");
}

/** A workspace of its own, gone when the test ends. */
async function workspace(t: { after(work: () => Promise<void>): void }, config?: string): Promise<Workspace> {
  const place = await openWorkspace(servers, config === undefined ? {} : { config });
  t.after(() => place.close());
  return place;
}

async function put(place: Workspace, name: string, contents: string | Buffer): Promise<void> {
  await writeFile(path.join(place.folder, name), contents);
}

async function load(place: Workspace, ...args: string[]): Promise<BackfillTotals> {
  return documentOf(succeeded(await place.maskline("backfill", ...sentAt, "--json", ...args))) as BackfillTotals;
}

async function rowsOf({ database }: Workspace): Promise<{ rows: number; doubled: number }> {
  const rows = await countRows(database, "user_logins");
  return { rows, doubled: rows - (await countRows(database, "(SELECT DISTINCT user_id FROM user_logins) AS users")) };
}

/** Every account adds up; those that ended are closed at zero. */
async function requireClosedAccounts(place: Workspace): Promise<void> {
  const { runs } = documentOf(await place.maskline("ledger", "--json")) as { readonly runs: readonly Account[] };
  for (const { received, loaded, duplicate, quarantined, returned, difference } of runs) {
    assert.equal(difference, received - loaded - duplicate - quarantined - returned);
    assert.equal(difference, 0);
  }
}

suite("maskline backfill", () => {
  test("loads plain and packed files, masked as a run would, and the next time says that they are loaded", async (t) => {
    const place = await workspace(t);
    await put(place, "a.ndjson", logins(300, "a"));
    await put(place, "b.ndjson.gz", gzipSync(`\n${logins(300, "b")}   \n\n${login("last")}`));
    await put(place, "c.zst", Buffer.concat([zstdCompressSync(logins(150, "c")), zstdCompressSync(logins(150, "d"))]));
    const files = ["a.ndjson", "b.ndjson.gz", "c.zst"];
    const first = await load(place, ...files);
    assert.deepEqual([first.loaded, first.duplicate, first.quarantined, first.skipped, first.isWhole], [901, 0, 0, 0, true]);
    await place.send([login("queued")]);
    succeeded(await place.maskline("run", "--max-messages", "1"));
    const tokens = await place.database.query<{ users: number; days: string }>(
      "looking",
      "SELECT count(DISTINCT masked_ip)::int AS users, string_agg(DISTINCT create_date::text, ' ') AS days FROM user_logins WHERE user_id <> 'queued'",
    );
    assert.deepEqual(tokens, [{ users: 1, days: "2024-05-01" }]);
    assert.equal(await countRows(place.database, "(SELECT DISTINCT masked_ip FROM user_logins) AS tokens"), 1, "the queue's too");
    const second = await load(place, ...files);
    assert.deepEqual([second.received, second.skipped, second.loadedBytes], [0, 3, second.bytes]);
    assert.deepEqual(await rowsOf(place), { rows: 902, doubled: 0 });
    await requireClosedAccounts(place);
  });

  test("kill -9 in the middle loses nothing and doubles nothing: the same command goes on", { timeout: 180_000 }, async (t) => {
    const place = await workspace(t);
    for (const [name, bytes] of [
      ["plain.ndjson", Buffer.from(logins(10_000, "plain"))],
      ["packed.gz", gzipSync(logins(10_000, "packed"))],
    ] as const) {
      const before = (await rowsOf(place)).rows;
      await put(place, name, bytes);
      const start = (): RunningCommand => startMaskline(place.folder, ["backfill", name, ...sentAt, ...smallBatches]);
      for (let kills = 0; kills < 2; kills += 1) await killInTheMiddle(place, start);
      const { loaded, isWhole } = await load(place, name);
      assert.ok(isWhole && loaded > 0, "something was left to load");
      assert.deepEqual(await rowsOf(place), { rows: before + 10_000, doubled: 0 });
    }
  });

  test("that check fails for a sink that does not make the steps", { timeout: 180_000 }, async (t) => {
    const place = await workspace(t);
    await put(place, "plain.ndjson", logins(5_000));
    await killInTheMiddle(place, () => startNode(place.folder, [broken, "plain.ndjson", "backfill.batch_rows=100"]));
    const { code, stderr } = await startNode(place.folder, [broken, "plain.ndjson"]).finished;
    assert.equal(code, 0, stderr);
    const { doubled } = await rowsOf(place);
    assert.ok(doubled > 0, "what was loaded before the kill is loaded again, and the check sees it");
  });

  test("several at once over the same files load each line once", { timeout: 180_000 }, async (t) => {
    const place = await workspace(t);
    await put(place, "plain.ndjson", logins(6_000, "plain"));
    await put(place, "packed.gz", gzipSync(logins(6_000, "packed")));
    const args = ["plain.ndjson", "packed.gz", ...smallBatches];
    const totals = await Promise.all([load(place, ...args), load(place, ...args), load(place, ...args, "--processes", "2")]);
    assert.ok(totals.every(({ isWhole }) => isWhole));
    assert.equal(
      totals.reduce((sum, { loaded }) => sum + loaded, 0),
      12_000,
    );
    assert.deepEqual(await rowsOf(place), { rows: 12_000, doubled: 0 });
    await requireClosedAccounts(place);
  });

  test("a file is known by what it holds: a renamed copy is not loaded, other contents under its name are refused", async (t) => {
    const place = await workspace(t);
    const file = path.join(place.folder, "app.log");
    await put(place, "app.log", logins(50, "old"));
    await load(place, "app.log");
    await copyFile(file, path.join(place.folder, "copy.log"));
    assert.deepEqual((await load(place, "copy.log", "app.log")).received, 0);
    await put(place, "copy.log", logins(7, "other"));
    const refused = await place.maskline("backfill", "copy.log", ...sentAt);
    failed(refused, {
      code: "file_changed",
      says: /copy\.log: other contents were loaded under this name, last on \d{4}-/,
      next: /--changed/,
    });
    assert.equal((await rowsOf(place)).rows, 50);
    assert.equal((await load(place, "copy.log", "--changed")).loaded, 7);
    assert.equal((await load(place, "copy.log")).received, 0, "now these contents are known under this name, too");
  });

  test("a log that has grown is refused, and what the error says to type loads each line once", async (t) => {
    const place = await workspace(t);
    const file = path.join(place.folder, "app.log");
    // it was loaded in the middle of a line
    await put(place, "app.log", logins(50, "old").slice(0, -20));
    await load(place, "app.log");
    await appendFile(file, `${login("x").slice(-20)}\n${logins(25, "new")}`);
    const refused = await place.maskline("backfill", "app.log", ...sentAt);
    failed(refused, {
      code: "file_changed",
      says: /app\.log: has grown; its first \d+ bytes were loaded before/,
      next: /head -c \d+ app\.log/,
    });
    const commands = /^next: (.*?); then/m.exec(refused.stderr)?.[1] ?? "";
    execFileSync("sh", ["-c", commands], { cwd: place.folder });
    const { loaded, skipped } = await load(place, "app.log.old", "app.log.new");
    assert.deepEqual([loaded, skipped], [25, 1]);
    assert.deepEqual(await rowsOf(place), { rows: 49 + 25, doubled: 0 });
  });

  test("lines that cannot become rows are quarantined by reason, their neighbours are loaded", async (t) => {
    const place = await workspace(t);
    const bad = ["no json", "[1]", login("no-ip", { ip: "300.1.1.1" }), "x".repeat(3_000), '{"a":1}'];
    await put(
      place,
      "bad.ndjson",
      Buffer.concat([
        Buffer.from(`${logins(40, "a")}${bad.join("\n")}\n`),
        Buffer.from([0xff, 0xfe, 0x0a]),
        Buffer.from(logins(40, "b")),
      ]),
    );
    const limits = ["--set", "limits.body_bytes=2000"];
    const rehearsed = documentOf(
      succeeded(await place.maskline("backfill", "--dry-run", ...sentAt, "--json", "bad.ndjson", ...limits)),
    ) as BackfillRehearsal;
    assert.deepEqual([rehearsed.lines, rehearsed.fit, rehearsed.refused], [86, 80, 6]);
    assert.equal((await rowsOf(place)).rows, 0, "a dry run loads nothing");
    assert.equal(await countRows(place.database, "maskline.position"), 0);
    const { loaded, quarantined } = await load(place, "bad.ndjson", ...limits);
    assert.deepEqual([loaded, quarantined], [80, 6]);
    const found = await place.database.query<{ reason: string }>(
      "looking",
      "SELECT reason FROM maskline.quarantine ORDER BY reason",
    );
    const reasons = found.map(({ reason }) => reason);
    assert.deepEqual(reasons, ["bad_encoding", "bad_format", "body_is_list", "missing", "not_json", "too_large"]);
    assert.deepEqual(rehearsed.reasons.map(({ reason }) => reason).sort(), reasons);
    assert.match(rehearsed.reasons[0]?.first ?? "", /^bad\.ndjson, byte \d+$/);
    assert.equal((await load(place, "bad.ndjson", ...limits)).received, 0);
    await requireClosedAccounts(place);
  });

  test("a row that the table refuses is quarantined, and too many of them stop the backfill until resume", async (t) => {
    const place = await workspace(t);
    await place.database.query(
      "preparing",
      "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))",
    );
    const toasters = Array.from({ length: 40 }, (_, n) => `${login(`toaster-${n}`, { device_type: "toaster" })}\n`);
    await put(place, "few.ndjson", `${logins(30, "a")}${toasters[0]}${logins(30, "b")}`);
    const { loaded, quarantined } = await load(place, "few.ndjson");
    assert.deepEqual([loaded, quarantined], [60, 1]);
    await put(place, "many.ndjson", `${logins(30, "c")}${toasters.join("")}`);
    const tripped = await place.maskline("backfill", "many.ndjson", ...sentAt);
    failed(tripped, { code: "budget_spent", says: /too many messages were refused|refused/, next: /maskline resume/ });
    assert.equal((await rowsOf(place)).rows, 60);
    succeeded(await place.maskline("resume", "--reason", "looked"));
    assert.equal((await load(place, "many.ndjson", "--set", "limits.refused=null", "--set", "limits.share=null")).quarantined, 40);
    assert.deepEqual(await rowsOf(place), { rows: 90, doubled: 0 });
  });

  test("$sent_at has to be said before anything is read; a field of the event can say it", async (t) => {
    const place = await workspace(t);
    await put(place, "times.ndjson", `${login("one", { at: "2023-02-03T23:59:59Z" })}\n${login("two", { at: "never" })}\n`);
    failed(await place.maskline("backfill", "times.ndjson"), {
      code: "usage",
      says: /create_date is the time a message was sent/,
      next: /--sent-at PATH/,
    });
    failed(await place.maskline("backfill", "times.ndjson", "--sent-at", "2023-02-30"), {
      code: "usage",
      says: /--sent-at is neither/,
      next: /help/,
    });
    const totals = documentOf(
      succeeded(await place.maskline("backfill", "times.ndjson", "--sent-at", "at", "--json")),
    ) as BackfillTotals;
    assert.deepEqual([totals.loaded, totals.quarantined], [1, 1]);
    const rows = await place.database.query("looking", "SELECT user_id, create_date::text FROM user_logins");
    assert.deepEqual(rows, [{ user_id: "one", create_date: "2023-02-03" }]);
    const kept = await place.database.query("looking", "SELECT faults->0->>'path' AS path FROM maskline.quarantine");
    assert.deepEqual(kept, [{ path: "$sent_at" }]);
  });

  test("with an identity lines and messages of the queue know each other, and a file that is killed makes duplicates, no rows", async (t) => {
    const place = await workspace(t, `${starterConfig}\nidentity: user_id\n`);
    await place.send(Array.from({ length: 20 }, (_, n) => login(`user-${n}`)));
    succeeded(await place.maskline("run", "--max-messages", "20"));
    await put(place, "same.ndjson", logins(60));
    const { loaded, duplicate, isWhole } = await load(place, "same.ndjson");
    assert.deepEqual([loaded, duplicate, isWhole], [40, 20, true]);
    assert.equal((await load(place, "same.ndjson")).received, 0, "the position was moved");
    await place.database.query("forgetting", "DELETE FROM maskline.position");
    assert.equal((await load(place, "same.ndjson")).duplicate, 60);
    assert.deepEqual(await rowsOf(place), { rows: 60, doubled: 0 });
  });

  test("tokens are refused as values, and with --accept-tokens stay what they are, under the key of today", async (t) => {
    const place = await workspace(t);
    await put(place, "plain.ndjson", logins(2, "plain"));
    await load(place, "plain.ndjson");
    const tokens = async (): Promise<readonly string[]> => {
      const rows = await place.database.query<{ token: string }>(
        "looking",
        "SELECT DISTINCT masked_ip AS token FROM user_logins ORDER BY 1",
      );
      return rows.map(({ token }) => token);
    };
    const [token = ""] = await tokens();
    await put(place, "masked.ndjson", `${login("masked", { ip: token })}\n`);
    assert.equal((await load(place, "masked.ndjson")).quarantined, 1);
    await put(place, "trusted.ndjson", `${login("trusted", { ip: token })}\n`);
    assert.equal((await load(place, "trusted.ndjson", "--accept-tokens")).loaded, 1);
    assert.deepEqual(await tokens(), [token]);
    succeeded(await place.maskline("keys", "rotate"));
    await put(place, "rotated.ndjson", `${login("rotated", { ip: token })}\n${login("rotated-plain")}\n`);
    assert.equal((await load(place, "rotated.ndjson", "--accept-tokens")).loaded, 2);
    const made = await place.database.query<{ one: boolean }>(
      "looking",
      "SELECT count(DISTINCT masked_ip) = 1 AND min(masked_ip) <> $1 AS one FROM user_logins WHERE user_id LIKE 'rotated%'",
      [token],
    );
    assert.deepEqual(made, [{ one: true }]);
    const { columns } = documentOf(await place.maskline("duplicates", "--json")) as {
      columns: { column: string; values: { users: number }[] }[];
    };
    assert.deepEqual(
      columns.find(({ column }) => column === "masked_ip")?.values.map(({ users }) => users),
      [5],
      "old and new are one value",
    );
  });

  test("Ctrl-C ends it in order with an exit code of its own, and says how to go on", { timeout: 120_000 }, async (t) => {
    const place = await workspace(t);
    await put(place, "long.ndjson", logins(20_000));
    for (const processes of [[], ["--processes", "2"]]) {
      const running = startMaskline(place.folder, ["backfill", "long.ndjson", ...sentAt, ...smallBatches, ...processes]);
      await untilRows(place, running, 200);
      running.kill("SIGINT");
      const stopped = await running.finished;
      failed(stopped, {
        code: "backfill_unfinished",
        says: /stopped before all was loaded: [\d,]+ lines = /,
        next: /run the same command again/,
      });
      assert.equal(stopped.code, 5);
      await requireClosedAccounts(place);
    }
    await load(place, "long.ndjson");
    assert.deepEqual(await rowsOf(place), { rows: 20_000, doubled: 0 });
  });

  test("without a terminal nothing is drawn, and --quiet says no progress", async (t) => {
    const place = await workspace(t);
    await put(place, "a.ndjson", logins(50));
    const { stderr, stdout }: Finished = succeeded(await place.maskline("backfill", "a.ndjson", "--quiet", ...sentAt));
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^one file, \d\.\d kB\n50 lines = 50 loaded \+ 0 duplicate \+ 0 quarantined \+ 0 returned, in [\d.]+ s\n$/,
    );
  });
});

/** Starts a load, and kills it hard once rows have arrived and before it has ended. */
async function killInTheMiddle(place: Workspace, start: () => RunningCommand): Promise<void> {
  const running = start();
  await untilRows(place, running, 300);
  running.kill("SIGKILL");
  const { signal, stderr } = await running.finished;
  assert.equal(signal, "SIGKILL", `it ended by itself: ${stderr}`);
}

async function untilRows(place: Workspace, running: RunningCommand, more: number): Promise<void> {
  const enough = (await rowsOf(place)).rows + more;
  let ended = false;
  void running.finished.then(() => (ended = true));
  while (!ended && (await countRows(place.database, "user_logins")) < enough) await pause(2);
}
