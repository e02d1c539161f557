import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import type { Account } from "../../src/postgres/ledger.ts";
import { countRows } from "../harness/login-table.ts";
import {
  openWorkspace,
  type RunningCommand,
  type Servers,
  startMaskline,
  startServers,
  type Workspace,
} from "../harness/workspace.ts";
import { documentOf, failed, succeeded } from "./expect.ts";

interface SeveralTotals {
  readonly runs: readonly string[];
  readonly received: number;
  readonly loaded: number;
  readonly quarantined: number;
}

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(async () => servers?.stop());

async function workspace(t: { after(work: () => Promise<void>): void }): Promise<Workspace> {
  const place = await openWorkspace(servers, { visibilitySeconds: 5 });
  t.after(() => place.close());
  return place;
}

function loginBodies(count: number): string[] {
  return [...sampleEvents({ count, seed: 3 })].map(({ body }) => body);
}

/** The processes that one has started. */
function childrenOf(processId: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(processId);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once so many processes receive: each has announced its keys. */
async function untilRunning(place: Workspace, running: RunningCommand, count: number): Promise<void> {
  let ended = false;
  void running.finished.then(() => (ended = true));
  while ((await countRows(place.database, "maskline.replica")) < count) {
    if (ended) assert.fail(`it ended: ${JSON.stringify(await running.finished)}`);
    await pause(20);
  }
}

async function accounts(place: Workspace): Promise<readonly Account[]> {
  return (documentOf(await place.maskline("ledger", "--json")) as { readonly runs: readonly Account[] }).runs;
}

suite("--processes", () => {
  test("a drain by several processes loads each message once, and each process has its own closed account", async (t) => {
    const place = await workspace(t);
    await place.send(loginBodies(1_200));
    const totals = documentOf(
      succeeded(await place.maskline("run", "--drain", "--idle", "1s", "--processes", "3", "--set", "run.batch_rows=50", "--json")),
    ) as SeveralTotals;
    assert.equal(totals.runs.length, 3);
    assert.equal(totals.received, 1_200);
    assert.equal(totals.loaded + totals.quarantined, 1_200);
    assert.equal(await countRows(place.database, "user_logins"), totals.loaded);
    const ledger = await accounts(place);
    assert.deepEqual(new Set(ledger.map(({ state, difference }) => `${state} ${difference}`)), new Set(["closed 0"]));
    assert.equal(
      ledger.reduce((sum, { received }) => sum + received, 0),
      1_200,
    );
    assert.ok(ledger.every(({ run }) => totals.runs.includes(run)));
  });

  test("--max-messages is for all of them together", async (t) => {
    const place = await workspace(t);
    await place.send(loginBodies(60));
    const totals = documentOf(
      succeeded(await place.maskline("run", "--max-messages", "31", "--processes", "2", "--json")),
    ) as SeveralTotals;
    assert.equal(totals.received, 31);
    assert.equal((await servers.queues.counts(place.queueUrl)).visible, 29);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} is handed on: all end in order`, { timeout: 60_000 }, async (t) => {
      const place = await workspace(t);
      const running = startMaskline(place.folder, ["run", "--processes", "2", "--json"]);
      await untilRunning(place, running, 2);
      const children = childrenOf(running.processId);
      assert.equal(children.length, 2);
      running.kill(signal);
      const finished = succeeded(await running.finished);
      assert.match(finished.stderr, /^stopping in order; /m);
      assert.equal((documentOf(finished) as SeveralTotals).received, 0);
      assert.ok(!children.some(isAlive));
      assert.equal(await countRows(place.database, "maskline.replica"), 0, "each said that it ends");
    });
  }

  test("when one dies the others are stopped in order, and the failure says so", { timeout: 60_000 }, async (t) => {
    const place = await workspace(t);
    const running = startMaskline(place.folder, ["run", "--processes", "3"]);
    await untilRunning(place, running, 3);
    const [victim = 0, ...others] = childrenOf(running.processId);
    process.kill(victim, "SIGKILL");
    const finished = await running.finished;
    failed(finished, {
      code: "process_lost",
      says: /one of the processes ended without a word \(SIGKILL\)/,
      next: /nothing is lost/,
    });
    assert.ok(!others.some(isAlive));
    assert.equal(await countRows(place.database, "maskline.replica"), 1, "only the lost one did not say that it ends");
  });

  test("when the first process is killed hard, those that it started stop by themselves", { timeout: 60_000 }, async (t) => {
    const place = await workspace(t);
    const running = startMaskline(place.folder, ["run", "--processes", "2"]);
    await untilRunning(place, running, 2);
    const children = childrenOf(running.processId);
    running.kill("SIGKILL");
    while (children.some(isAlive)) await pause(20);
    assert.equal(await countRows(place.database, "maskline.replica"), 0, "in order");
  });

  test("the failure of one is the failure of all, told once, with its own exit code", { timeout: 60_000 }, async (t) => {
    const place = await workspace(t);
    const tripping = ["--set", "limits.refused=0", "--set", "run.batch_rows=10"];
    await place.send(["not json", ...loginBodies(50)]);
    const tripped = await place.maskline("run", "--processes", "2", ...tripping);
    failed(tripped, { code: "budget_spent", says: /refused/, next: /maskline resume/ });
    assert.equal(tripped.stderr.match(/^maskline: /gm)?.length, 1);
    const misfit = await place.maskline("run", "--processes", "2", "--set", "keyring=file:./missing.json");
    assert.equal(misfit.code, 3);
    const unfinished = await place.maskline(
      "run",
      "--drain",
      "--max-duration",
      "1s",
      "--processes",
      "2",
      ...["--set", "pipeline=other"],
    );
    failed(unfinished, { code: "drain_unfinished", says: /the drain was stopped/, next: /run it again/ });
  });

  test("takes a number or auto, and nothing else", async (t) => {
    const place = await workspace(t);
    for (const wrong of ["0", "many", "65", "-1"]) {
      failed(await place.maskline("run", `--processes=${wrong}`), {
        code: "usage",
        says: /--processes takes a number from 1 to 64, or auto/,
        next: /help/,
      });
    }
    await writeFile(path.join(place.folder, "none.ndjson"), "");
    succeeded(await place.maskline("backfill", "none.ndjson", "--sent-at", "2024-01-01", "--processes", "auto"));
  });
});
