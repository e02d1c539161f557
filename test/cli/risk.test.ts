import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import type { Risk } from "../../src/app/recovery/risk.ts";
import { sampleEvents } from "../../src/demo/sample.ts";
import { atTerminal, terminalMissing } from "../harness/terminal.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { otherwise } from "../postgres/databases.ts";
import { documentOf, failed, maskline, succeeded } from "./expect.ts";

type Document = Omit<Risk, "table"> & {
  readonly table: string;
  readonly unknownFields: { readonly messages: number; readonly names: number; readonly more: boolean } | null;
};

suite("risk", () => {
  let servers: Servers;
  let place: Workspace;
  let rows: readonly { readonly user: string; readonly device: string; readonly locale: string | null; readonly ip: string }[];
  before(async () => {
    servers = await startServers();
    place = await openWorkspace(servers);
    await place.send([...sampleEvents({ count: 500, seed: 8 })].map(({ body }) => body));
    succeeded(await maskline(place.folder, ["run", "--max-messages", "500"]));
    rows = await place.database.query(
      "reading",
      `SELECT user_id AS "user", device_type AS device, locale, masked_ip AS ip FROM user_logins`,
    );
  });
  after(async () => {
    await place?.close();
    await servers?.stop();
  });

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(place.folder, ["risk", ...args]);

  test("figures are those of the table, and no value, user or token is printed", async () => {
    const [text, json] = [succeeded(await call()), succeeded(await call("--json"))];
    const found = documentOf(json) as Document;
    assert.deepEqual(
      [found.table, found.sampledPercent, found.aliased, found.unknownFields, found.groups.shown],
      ["public.user_logins", null, true, null, null],
    );
    const [ip] = found.columns;
    const counts = [...Map.groupBy(rows, (row) => row.ip).values()].map(({ length }) => length);
    assert.deepEqual(
      [ip?.rows, ip?.distinct, ip?.held, ip?.epochs, ip?.topShare],
      [rows.length, counts.length, rows.length, 1, Math.max(...counts) / rows.length],
    );
    assert.deepEqual(found.groups.chosen.columns, ["device_type", "locale", "app_version", "create_date"]);
    assert.deepEqual(
      found.groups.chosen.leftOut.map(({ column }) => column),
      ["user_id", "masked_ip", "masked_device_id"],
    );
    const masks = found.masks.map(({ place: column, gains }) => [column, gains.table.gain, gains.masker.gain, gains.fullRing.gain]);
    assert.deepEqual(masks, [
      ["masked_ip", "equality", "enumeration", "opens"],
      ["masked_device_id", "equality", "enumeration", "opens"],
    ]);
    const [exposure] = found.masks;
    assert.ok(exposure?.valuesPerSecond && exposure.gains.masker.seconds);
    assert.ok(Math.abs(exposure.gains.masker.seconds * exposure.valuesPerSecond - 2 ** 32) < 1, "IPv4 through the measured speed");
    assert.deepEqual(found.ring, { kind: "full", enabledKeys: 1, opensQuarantine: true });
    for (const { user, ip: token } of rows) {
      assert.ok(!(text.stdout + json.stdout).includes(user) && !(text.stdout + json.stdout).includes(token));
    }
    assert.match(text.stdout, new RegExp(`^public\\.user_logins: ${rows.length} rows, all of them read$`, "m"));
    assert.match(text.stdout, /left out: user_id \(an id\), masked_ip \(masked\)/);
    assert.match(text.stdout, /maskline preview those of the queue/);
    assert.equal(text.stderr, "");
  });

  test("--show lists the small groups of the columns asked for, without what is masked", async () => {
    const asked = ["--quasi", "locale,device_type", "--k", "4", "--limit", "1000", "--show"];
    const { groups } = documentOf(succeeded(await call("--json", ...asked))) as Document;
    const byHand = [...Map.groupBy(rows, ({ locale, device }) => JSON.stringify([locale, device]))]
      .map(([values, group]) => ({ values, size: new Set(group.map(({ user }) => user)).size, rows: group.length }))
      .filter(({ size }) => size < 4);
    assert.ok(byHand.length > 3);
    assert.deepEqual([groups.groupsBelow, groups.k, groups.countedBy], [byHand.length, 4, "user_id"]);
    const key = ({ values }: { readonly values: string }): string => values;
    const shown = (groups.shown ?? []).map((group) => ({ ...group, values: JSON.stringify(group.values) }));
    const sorted = <Group extends { readonly values: string }>(list: readonly Group[]): readonly Group[] =>
      list.toSorted((left, right) => (key(left) < key(right) ? -1 : 1));
    assert.deepEqual(
      sorted(shown).map(({ values, size, rows: count }) => ({ values, size, rows: count })),
      sorted(byHand),
    );
    const masked = succeeded(await call("--quasi", "masked_ip,locale", "--show", "--limit", "5"));
    assert.match(masked.stdout, /\(masked\)/);
    assert.ok(!rows.some(({ ip }) => masked.stdout.includes(ip)));
  });

  test("a sample is called one", async () => {
    await place.database.query("analysing", "ANALYZE user_logins");
    const found = documentOf(succeeded(await call("--json", "--sample", "250"))) as Document;
    assert.equal(found.estimatedRows, rows.length);
    assert.ok(found.sampledPercent !== null && Math.abs(found.sampledPercent - (100 * 250) / rows.length) < 1e-9);
    assert.match(succeeded(await call("--sample", "250")).stdout, /the figures are of a sample of [\d,]+ \(whole pages\)/);
  });

  test("without a ring the table's figures are there, and it says what is missing; with a writer's ring what that opens", async () => {
    const without = documentOf(succeeded(await call("--json", "--set", "keyring=file:./nothing.json"))) as Document;
    assert.equal(without.ring.kind, "none");
    assert.ok(without.columns.every(({ held, rows: counted }) => held === null && counted === rows.length));
    assert.ok(
      without.masks.every(({ valuesPerSecond }) => valuesPerSecond !== null),
      "speeds need no ring",
    );
    succeeded(await maskline(place.folder, ["keys", "export", "--writer", "writer.json"]));
    const writers = documentOf(succeeded(await call("--json", "--set", "keyring=file:./writer.json"))) as Document;
    assert.deepEqual(writers.ring, { kind: "writer's", enabledKeys: 1, opensQuarantine: false });
    assert.deepEqual(
      writers.columns.map(({ held }) => held),
      [rows.length, rows.length],
    );
  });

  test("fields that the contract does not name are counted in a file of events; their names are only for a terminal", async (t) => {
    const events = [{ user_id: "u", "secret jane@example.org": 1, more: 2 }, { user_id: "u", more: 3 }, { user_id: "u" }];
    await writeFile(path.join(place.folder, "events.ndjson"), events.map((event) => JSON.stringify(event)).join("\n\n"));
    const args = ["--events", "events.ndjson"];
    const [text, json] = [succeeded(await call(...args)), succeeded(await call(...args, "--json"))];
    assert.match(text.stdout, /^ {2}2 in 3 messages, and stored nowhere\n {2}\(at a terminal their names are shown\)$/m);
    assert.deepEqual((documentOf(json) as Document).unknownFields, { messages: 3, names: 2, more: false });
    assert.ok(!(text.stdout + json.stdout).includes("jane"));
    failed(await call("--events", "nothing.ndjson"), {
      code: "file_unreadable",
      says: /nothing\.ndjson cannot be read/,
      next: /an event on each line/,
    });
    if (terminalMissing !== null) return t.skip(terminalMissing);
    const shown = await atTerminal(place.folder, ["risk", ...args], []);
    assert.match(shown.screen, /more \(2 messages\)/);
  });

  test("SELECT on the table is all it needs, and columns that are not there are refused", async () => {
    await place.database.query(
      "granting",
      "CREATE ROLE risk_looker LOGIN PASSWORD 'looker'; GRANT SELECT ON user_logins TO risk_looker",
    );
    const url = otherwise(place.databaseUrl, { user: "risk_looker", password: "looker" });
    const found = documentOf(
      succeeded(await maskline(place.folder, ["risk", "--json"], { MASKLINE_SINK_POSTGRES_URL: url })),
    ) as Document;
    assert.deepEqual([found.aliased, found.groups.rows], [false, rows.length]);
    failed(await call("--quasi", "locale,nothing"), {
      code: "usage",
      says: /the table has no column nothing/,
      next: /user_id, device_type/,
    });
  });
});
