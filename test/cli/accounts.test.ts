import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { Account } from "../../src/postgres/ledger.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, maskline, succeeded } from "./expect.ts";

const run = (n: number): string => `0000000${n}-0000-4000-8000-000000000000`;

suite("the accounts of runs, and what becomes of old receipts", () => {
  let servers: Servers;
  let place: Workspace;
  before(async () => {
    servers = await startServers();
    place = await openWorkspace(servers);
    await fill(place);
  });
  after(async () => {
    await place?.close();
    await servers?.stop();
  });

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(place.folder, args);

  test("the ledger tells closed, running and killed runs apart, and what killed ones held", async () => {
    const [table, json] = await Promise.all([call("ledger"), call("ledger", "--json")]);
    const lines = succeeded(table).stdout.trimEnd().split("\n").slice(1);
    assert.deepEqual(
      lines.map((line) => line.replace(/^\S+ \S+ +/, "").replaceAll(/ +/g, " ")),
      ["00000003 10 10 0 0 0 0 closed", "00000002 40 30 0 0 0 10 running", "00000001 1,312 1,000 0 0 0 312 killed, 312 abandoned"],
    );
    assert.equal(
      table.stderr,
      `run ${run(1)} was killed, or ended in an outage; 312 messages it held, to come again after the visibility timeout\n`,
    );
    const { runs } = documentOf(succeeded(json)) as { readonly runs: readonly Account[] };
    assert.deepEqual(
      runs.map(({ state, difference, abandoned }) => [state, difference, abandoned]),
      [
        ["closed", 0, 0],
        ["running", 10, 0],
        ["killed", 312, 312],
      ],
    );
  });

  test("a message is looked for among those sent since a day or a time", async () => {
    for (const time of ["2026-01-02", "2026-01-02T08:00:00Z", "2026-01-02T09:00:00+01:00"]) {
      assert.match(succeeded(await call("ledger", "--message", "m-1", "--sent-after", time)).stdout, /^loaded /);
    }
    failed(await call("ledger", "--message", "m-1", "--sent-after", "2026-01-03"), {
      code: "not_found",
      says: /m-1 is not known here among those sent since 2026-01-03 00:00:00Z/,
      next: /ledger --all/,
    });
    failed(await call("ledger", "--message", "m-1", "--sent-after", "yesterday"), {
      code: "usage",
      says: /--sent-after takes a day or a time/,
      next: /ledger --help/,
    });
    failed(await call("ledger", "--sent-after", "2026-01-03"), {
      code: "usage",
      says: /goes with --message/,
      next: /ledger --help/,
    });
  });

  test("prune says what is old, removes it, and leaves accounts as they were", async () => {
    const plan = documentOf(succeeded(await call("prune", "--dry-run", "--json")));
    assert.deepEqual(plan, { dryRun: true, receipts: 3, ledgerRows: 8, notes: 0 });
    assert.match(
      succeeded(await call("prune", "--dry-run")).stdout,
      /^would remove 3 receipts, 8 rows of the ledger \(summed up\), 0 notes of what lanes held$/m,
    );
    assert.equal(await countRows(place.database, "maskline.receipt"), 3);
    const before = (await call("ledger", "--json")).stdout;
    assert.deepEqual(documentOf(succeeded(await call("prune", "--json"))), {
      dryRun: false,
      receipts: 3,
      ledgerRows: 8,
      notes: 0,
      busy: false,
    });
    assert.equal(await countRows(place.database, "maskline.receipt"), 0);
    assert.equal((await call("ledger", "--json")).stdout, before);
    assert.match(succeeded(await call("prune")).stderr, /^removed 0 receipts, 0 rows/m);
  });

  test("prune forgets who took what out of the quarantine only when asked, and not before the receipts", async () => {
    await place.database.query(
      "taking out",
      `INSERT INTO maskline.quarantine_exit (act, pipeline, sent_at, id, outcome, reason, contract_hash, quarantined_at, left_at)
       VALUES (md5('act')::uuid, 1, '2026-01-02', 'gone', 'discarded', 'missing', 'c', '2026-01-02', '2026-01-03')`,
    );
    const exits = "maskline.quarantine_exit";
    succeeded(await call("prune"));
    assert.match(succeeded(await call("prune", "--exits", "30", "--dry-run")).stdout, /, 1 rows of who took what out/);
    assert.equal(await countRows(place.database, exits), 1);
    assert.equal((documentOf(succeeded(await call("prune", "--exits", "30", "--json"))) as { exits: number }).exits, 1);
    assert.equal(await countRows(place.database, exits), 0);
    for (const days of ["14", "9999999999"]) {
      failed(await call("prune", "--exits", days), { code: "usage", says: /--exits takes 15 to 36500 days/, next: /prune --help/ });
    }
  });

  test("a pipeline that has never run has nothing to prune, and receipts are kept 15 days at least", async () => {
    assert.match(succeeded(await call("prune", "--set", "pipeline=other")).stderr, /^removed 0 receipts/m);
    failed(await call("prune", "--set", "sink.postgres.receipt_days=14"), {
      code: "config_invalid",
      says: /receipt_days {2}found 14; allowed: 15 to 3650/,
      next: /correct them/,
    });
  });
});

/** Three runs: one killed with a batch in hand, one that goes on, one closed. And some receipts of January. */
async function fill({ database }: Workspace): Promise<void> {
  const statements = [
    "INSERT INTO maskline.pipeline (name) VALUES ('public.user_logins')",
    `INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, recorded_at)
     SELECT '${run(1)}', 0, n, 1, n * 100, 100, 0, 0, 0, '2026-01-02T08:00:00Z'::timestamptz + n * interval '1 minute'
     FROM generate_series(1, 10) AS n`,
    `INSERT INTO maskline.intake (run, lane, sequence, pipeline, received, recorded_at)
     VALUES ('${run(1)}', 0, 11, 1, 1312, '2026-01-02T08:11:00Z'), ('${run(2)}', 0, 2, 1, 40, now())`,
    `INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, closing, recorded_at)
     VALUES ('${run(2)}', 0, 1, 1, 30, 30, 0, 0, 0, false, now() - interval '2 minutes'),
            ('${run(3)}', 0, 1, 1, 10, 10, 0, 0, 0, true, now() - interval '1 minute')`,
    `INSERT INTO maskline.replica (run, pipeline, ring, key_id, sealing_id, seen_at)
     VALUES ('${run(1)}', 1, 1, 1, 1, now() - interval '2 minutes'), ('${run(2)}', 1, 1, 1, 1, now() + interval '1 hour')`,
    `INSERT INTO maskline.receipt (pipeline, sent_at, id, outcome)
     SELECT 1, '2026-01-02T08:00:00Z', 'm-' || n, 'loaded' FROM generate_series(1, 3) AS n`,
  ];
  for (const statement of statements) await database.query("filling", statement);
}
