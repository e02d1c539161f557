import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { sampleEvents } from "../../src/demo/sample.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { documentOf, failed, folderWith, maskline, succeeded } from "./expect.ts";

interface Document {
  readonly by: string;
  readonly minUsers: number;
  readonly columns: readonly {
    readonly column: string;
    readonly tagged: boolean;
    readonly epochs: number;
    readonly more: number;
    readonly values: readonly { readonly token: string; readonly rank: number; readonly users: number; readonly rows: number }[];
  }[];
}

suite("duplicates", () => {
  let servers: Servers;
  let place: Workspace;
  before(async () => {
    servers = await startServers();
    place = await openWorkspace(servers);
    await place.send([...sampleEvents({ count: 400, seed: 3 })].map(({ body }) => body));
    succeeded(await maskline(place.folder, ["run", "--max-messages", "400"]));
  });
  after(async () => {
    await place?.close();
    await servers?.stop();
  });

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(place.folder, ["duplicates", ...args]);

  test("as CSV it says what it says as JSON", async () => {
    // its lines end in CRLF, which the other way to call takes for a rewritten line
    const csv = await place.maskline("duplicates", "--csv", "--limit", "1000");
    const json = await call("--json", "--limit", "1000");
    const { columns } = documentOf(succeeded(json)) as Document;
    const expected = columns.flatMap(({ column, values }) =>
      values.map(({ rank, token, users, rows }) => [column, rank, token, users, rows].join(",")),
    );
    assert.ok(expected.length > 5);
    const [titles, ...lines] = succeeded(csv).stdout.split("\r\n");
    assert.equal(titles, "column,rank,value,users,rows,first_seen,last_seen");
    assert.deepEqual(
      lines.slice(0, -1).map((line) => line.split(",").slice(0, 5).join(",")),
      expected,
    );
    assert.equal(lines.at(-1), "");
  });

  test("CSV and JSON have every value, however many there are, unless --limit says otherwise; what is left out is told", async () => {
    const many = 12_345;
    await place.database.query(
      "sharing",
      `INSERT INTO user_logins (user_id, masked_device_id)
       SELECT 'many-' || u, 'token-' || n FROM generate_series(1, ${many}) n, generate_series(1, 9 + n % 2) u`,
    );
    const column = ["--column", "masked_device_id", "--min-users", "9"];
    try {
      const whole = succeeded(await call("--json", ...column));
      const [all] = (documentOf(whole) as Document).columns;
      assert.equal(all?.more, 0);
      assert.equal(new Set(all?.values.map(({ token }) => token)).size, all?.values.length);
      assert.equal(all?.values.filter(({ token }) => token.startsWith("token-")).length, many);
      assert.deepEqual([all?.values.length, whole.stderr], [many, ""]);
      assert.deepEqual(
        all?.values.map(({ users }) => users),
        all?.values.map(({ users }) => users).toSorted((left, right) => right - left),
      );
      const csv = await place.maskline("duplicates", "--csv", ...column);
      assert.equal(succeeded(csv).stdout.split("\r\n").length, many + 2, "titles before, nothing behind the last");

      const cut = succeeded(await call("--json", "--limit", "20", ...column));
      const [few] = (documentOf(cut) as Document).columns;
      assert.deepEqual([few?.values, few?.more], [all?.values.slice(0, 20), many - 20]);
      assert.match(cut.stderr, /masked_device_id has 12,325 more shared values, which --limit leaves out/);
      assert.match((await place.maskline("duplicates", "--csv", "--limit", "20", ...column)).stderr, /12,325 more shared values/);
      const table = succeeded(await call(...column))
        .stdout.trimEnd()
        .split("\n");
      assert.equal(table.length, 2 + 20 + 1);
      assert.match(table.at(-1) ?? "", /and 12,325 more: --limit N shows N, --csv and --json all of them/);
    } finally {
      await place.database.query("leaving", "DELETE FROM user_logins WHERE user_id LIKE 'many-%'");
    }
  });

  test("where the database refuses, no part of a document stands before the error", async () => {
    await place.database.query("renaming", "ALTER TABLE user_logins RENAME masked_ip TO hidden");
    try {
      const refused = await call("--json");
      assert.equal(refused.code, 3);
      assert.match(refused.stdout, /^\{"error":\{"code":"database_refused"/);
      assert.equal(refused.stdout.split("\n").length, 2);
      failed(await call("--csv"), { code: "database_refused", says: /looking for duplicates/, next: /maskline check --connect/ });
    } finally {
      await place.database.query("renaming", "ALTER TABLE user_logins RENAME hidden TO masked_ip");
    }
  });

  test("values of few users are left out when more are asked for, and ranks count within a column", async () => {
    const [two, three] = await Promise.all([call("--json"), call("--json", "--min-users", "3")]);
    const all = documentOf(succeeded(two)) as Document;
    const few = documentOf(succeeded(three)) as Document;
    assert.deepEqual([all.minUsers, few.minUsers], [2, 3]);
    all.columns.forEach(({ column, tagged, epochs, values }, i) => {
      assert.deepEqual([tagged, epochs, values[0]?.rank], [true, 1, 1], column);
      assert.deepEqual(
        few.columns[i]?.values,
        values.filter(({ users }) => users >= 3),
      );
    });
  });

  test("views are printed without a server, created on demand, and not over anything that is there", async (t) => {
    const folder = await folderWith(
      t,
      `sink: { postgres: { url: "\${NOT_SET}", table: people } }
columns:
  user_id: { type: text }
  device: { type: text, mask: { kind: hmac, domain: d.device } }
`,
    );
    const offline = succeeded(await maskline(folder, ["duplicates", "--print-view"]));
    assert.match(
      offline.stdout,
      /^CREATE VIEW "public"\."people_shared" AS\n/,
      "no column of several keys: no view to make them equal",
    );
    assert.match(offline.stdout, /NULL::text\) AS first_seen/);

    const applied = succeeded(await call("--apply-view", "--min-users", "3"));
    assert.match(applied.stdout, /CREATE VIEW "public"\."user_logins_equal"[^]*CREATE VIEW "public"\."user_logins_shared"/);
    assert.match(applied.stderr, /created public\.user_logins_equal and public\.user_logins_shared/);
    const rows = await place.database.query<{ n: number }>("counting", "SELECT count(*)::int AS n FROM user_logins_shared");
    const { columns } = documentOf(succeeded(await call("--json", "--min-users", "3", "--limit", "1000"))) as Document;
    assert.equal(
      rows[0]?.n,
      columns.reduce((sum, { values }) => sum + values.length, 0),
    );

    const again = await call("--apply-view");
    assert.equal(again.code, 3);
    assert.match(again.stderr, /user_logins_equal is there already; nothing was created\nnext: .*DROP VIEW/);
  });

  test("two forms of output at once, and a value of one user, are refused", async () => {
    const [both, one] = await Promise.all([call("--csv", "--json"), call("--min-users", "1")]);
    assert.equal(both.code, 2);
    failed(one, { code: "usage", says: /--min-users takes a whole number of 2 or more/, next: /maskline duplicates --help/ });
  });
});
