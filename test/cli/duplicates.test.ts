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
