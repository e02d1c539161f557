import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { loadSettings } from "../../src/app/config/load.ts";
import { contractHash } from "../../src/contract/contract-hash.ts";
import { failed, jsonError, succeeded } from "../cli/expect.ts";
import { countRows } from "../harness/login-table.ts";
import { changeContract, mendContract, refusedLogins, versionless, why } from "../harness/refused-logins.ts";
import { type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";

const replayAll = ["quarantine", "replay", "--all", ...why];

/** What somebody tries who writes the configuration and may open something harmless. */
suite("a configuration of one's own opens no more of the quarantine", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  const allow = (place: Workspace, action: string, domain: string): Promise<unknown> =>
    place.database.query("allowing", "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, $1, $2)", [
      domain,
      action,
    ]);

  test("no field comes out of a body under the token of another domain", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(
      servers,
      { mendable: 0, hopeless: 0 },
      { bodies: [versionless("somebody", "198.51.100.214")] },
    );
    try {
      await allow(place, "reveal-partial", "quarantine");
      await allow(place, "reveal", "login.locale");
      const [message] = await place.database.query<{ id: string }>("looking", "SELECT id FROM maskline.quarantine");
      const show = ["quarantine", "show", message?.id ?? "", "--masked", ...why];
      assert.match(succeeded(await place.maskline(...show)).stdout, /^masked_ip +[\w-]{50}$/m, "in its own domain it is shown");
      await changeContract(
        place,
        /locale: .*/,
        "locale: { type: text, max: 32 }\n  x: { from: ip, type: text, max: 50, mask: { kind: siv, domain: login.locale } }",
      );
      const refused = await place.maskline(...show);
      failed(refused, { code: "right_missing", says: /masks were removed/, next: /privacy officer/ });
      assert.doesNotMatch(refused.stdout, /[\w-]{40}/);
      await mendContract(place);
      await place.database.query("widening", "ALTER TABLE user_logins ADD COLUMN x text");
      const replayed = jsonError(await place.maskline(...replayAll, "--json"));
      assert.equal(replayed.code, "right_missing");
      assert.match(replayed.details.join(), /: ip$/);
      assert.equal(await countRows(place.database, "user_logins"), 0);
    } finally {
      await place.close();
    }
  });

  test("what a second person allowed is done with these masks and this table, or not at all", { timeout: 180_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 2, hopeless: 0 });
    try {
      await place.database.query("a second person", "UPDATE maskline.policy SET approve_above = 0 WHERE action = 'replay'");
      await place.database.query("a second person", "CREATE ROLE second LOGIN SUPERUSER PASSWORD 'second'");
      await place.database.query(
        "a second person",
        "INSERT INTO maskline.policy (role, domain, action) VALUES ('second', 'quarantine', 'approve')",
      );
      await place.database.query("another table", "CREATE TABLE everybody_reads (LIKE user_logins)");
      await mendContract(place);
      const asked = await place.maskline(...replayAll, "--json");
      assert.equal(jsonError(asked).code, "approval_needed");
      const id = /--approval ([\da-f-]{36})/.exec(asked.stdout)?.[1] ?? "";
      const url = new URL(place.databaseUrl);
      [url.username, url.password] = ["second", "second"];
      succeeded(await startMaskline(place.folder, ["approve", id, "--yes"], { MASKLINE_SINK_POSTGRES_URL: url.href }).finished);

      const again = [...replayAll, "--approval", id];
      const before = contractHash(settingsOf(place).contract);
      const unfit = async (...more: string[]): Promise<void> =>
        assert.equal(jsonError(await place.maskline(...again, ...more, "--json")).code, "approval_unfit");
      await unfit("--set", "sink.postgres.table=public.everybody_reads", "--set", `pipeline=${place.settings.pipeline}`);
      await changeContract(place, "kind: siv, domain: login.device_id", "kind: hmac, domain: login.device_hash");
      assert.equal(contractHash(settingsOf(place).contract), before, "to the contract's hash it is the same");
      await unfit();
      assert.equal(await countRows(place.database, "user_logins"), 0);
      assert.equal(await countRows(place.database, "everybody_reads"), 0);

      await changeContract(place, "kind: hmac, domain: login.device_hash", "kind: siv, domain: login.device_id");
      succeeded(await place.maskline(...again));
      assert.equal(await countRows(place.database, "user_logins"), 2);
      const [row] = await place.database.query<{ details: Record<string, unknown> }>(
        "looking",
        "SELECT entry::json -> 'details' AS details FROM maskline.audit ORDER BY sequence DESC LIMIT 1",
      );
      assert.equal(row?.details["table"], "public.user_logins");
      assert.match(String(row?.details["masks"]), /^[0-9a-f]{64}$/);
    } finally {
      await place.close();
    }
  });
});

function settingsOf({ file }: Workspace): ReturnType<typeof loadSettings> {
  return loadSettings({ file, environment: {}, overrides: [] });
}
