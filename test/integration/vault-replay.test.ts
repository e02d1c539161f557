import assert from "node:assert/strict";
import { test } from "node:test";

import { openVault } from "../../src/app/recovery/vault-opener.ts";
import { documentOf, succeeded } from "../cli/expect.ts";
import { countRows } from "../harness/login-table.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { openWorkspace, startServers } from "../harness/workspace.ts";

const config = `source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: public.logins } }
columns:
  user_id: { type: text, max: 128, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
`;
const replay = ["quarantine", "replay", "--all", "--reason", "the constraint is gone", "--ticket", "OPS-7", "--json"];

test("a replayed message brings its original and its link, and a rehearsed one leaves none", { timeout: 120_000 }, async () => {
  const servers = await startServers();
  const table = "CREATE TABLE logins (user_id text CONSTRAINT known CHECK (user_id = 'ann'), masked_ip text)";
  const place = await openWorkspace(servers, { config, table });
  try {
    const counts = async (): Promise<readonly number[]> =>
      Promise.all(
        ["logins", "maskline.vault", "maskline.vault_link", "maskline.quarantine"].map((name) => countRows(place.database, name)),
      );
    await place.database.query(
      "allowing",
      "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, 'quarantine', 'replay')",
    );
    await place.send([
      JSON.stringify({ user_id: "ann", ip: "203.0.113.1" }),
      JSON.stringify({ user_id: "bob", ip: "203.0.113.1" }),
      JSON.stringify({ user_id: "carol", ip: "203.0.113.2" }),
    ]);
    succeeded(await place.maskline("run", "--max-messages", "3"));
    assert.deepEqual(await counts(), [1, 1, 1, 2]);
    await place.database.query("mending", "ALTER TABLE logins DROP CONSTRAINT known");

    const tried = documentOf(succeeded(await place.maskline(...replay, "--dry-run"))) as { readonly loaded: number };
    assert.equal(tried.loaded, 2);
    assert.deepEqual(await counts(), [1, 1, 1, 2], "a rehearsal leaves nothing behind");

    const done = documentOf(succeeded(await place.maskline(...replay))) as { readonly loaded: number };
    assert.equal(done.loaded, 2);
    assert.deepEqual(await counts(), [3, 2, 3, 0]);
    const [carol] = await place.database.query<{ token: string }>(
      "reading",
      "SELECT masked_ip AS token FROM logins WHERE user_id = 'carol'",
    );
    const ring = await readKeyRingFile(`${place.folder}/keyring.json`);
    const opened = await openVault(place.database, "maskline", ring, { domain: "login.ip" }).open([carol?.token ?? ""]);
    assert.deepEqual(opened, [{ value: "203.0.113.2" }]);
  } finally {
    await place.close();
    await servers.stop();
  }
});
