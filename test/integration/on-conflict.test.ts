import assert from "node:assert/strict";
import { test } from "node:test";

import { starterTable } from "../../src/app/starter.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, startServers, type Workspace } from "../harness/workspace.ts";

const body = (user: string): string =>
  JSON.stringify({
    user_id: user,
    app_version: "2.3.0",
    device_type: "ios",
    ip: "198.51.100.7",
    locale: "FR",
    device_id: `device of ${user}`,
  });

test("sink.postgres.on_conflict decides what a key of the table's own means", { timeout: 120_000 }, async () => {
  const servers = await startServers();
  const place = await openWorkspace(servers, { table: starterTable });
  try {
    await place.database.query("preparing", "ALTER TABLE user_logins ADD CONSTRAINT one_login UNIQUE (user_id)");
    assert.deepEqual(await run(place, "refuse", ["ada", "bob", "ada"]), [2, 0, 1]);
    assert.deepEqual(await run(place, "skip", ["ada", "cyd", "cyd"]), [1, 2, 0]);
    assert.equal(await countRows(place.database, "user_logins"), 3);

    await place.database.query("preparing", "ALTER TABLE user_logins DROP CONSTRAINT one_login, ADD UNIQUE (user_id) DEFERRABLE");
    for (const command of [
      ["run", "--max-messages", "1"],
      ["check", "--connect"],
    ]) {
      const { code, stderr } = await place.maskline(...command, "--set", "sink.postgres.on_conflict=skip");
      assert.notEqual(code, 0);
      assert.match(stderr, /DEFERRABLE; clashes with it cannot be skipped/);
    }
  } finally {
    await place.close();
    await servers.stop();
  }
});

/** Loaded, duplicate, quarantined. */
async function run(place: Workspace, onConflict: string, users: readonly string[]): Promise<readonly unknown[]> {
  await place.send(users.map(body));
  const setting = ["--set", `sink.postgres.on_conflict=${onConflict}`];
  const { code, stdout, stderr } = await place.maskline("run", "--max-messages", String(users.length), "--json", ...setting);
  assert.equal(code, 0, stderr);
  const counts = JSON.parse(stdout) as Record<string, unknown>;
  return [counts["loaded"], counts["duplicate"], counts["quarantined"]];
}
