import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";

import { sampleEvents } from "../../src/demo/sample.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, startServers } from "../harness/workspace.ts";

/** What SECURITY.md says the writer needs, and nothing more. */
const grants = [
  "CREATE ROLE writer LOGIN PASSWORD 'writer'",
  "GRANT INSERT (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) ON user_logins TO writer",
  "GRANT USAGE ON SCHEMA maskline TO writer",
  "GRANT SELECT ON maskline.migration TO writer",
  "GRANT SELECT, INSERT ON maskline.pipeline, maskline.mask_definition, maskline.receipt, maskline.ledger TO writer",
  "GRANT INSERT ON maskline.quarantine TO writer",
];

test(
  "the rights named in SECURITY.md are enough to run, and to read nothing of the table or the quarantine",
  { timeout: 60_000 },
  async () => {
    const servers = await startServers();
    const place = await openWorkspace(servers);
    try {
      for (const grant of grants) await place.database.query("granting", grant);
      const text = await readFile(place.file, "utf8");
      await writeFile(place.file, text.replace(/postgres:\/\/postgres:[^@]+@/, "postgres://writer:writer@"));
      await place.send([...sampleEvents({ count: 200, seed: 4 })].map(({ body }) => body));

      const check = await place.maskline("check", "--connect");
      assert.equal(check.code, 0, check.stderr);
      const { code, stderr } = await place.maskline("run", "--max-messages", "200");
      assert.equal(code, 0, stderr);
      assert.ok((await countRows(place.database, "user_logins")) > 180);
      assert.ok((await countRows(place.database, "maskline.quarantine")) > 0);

      for (const look of [["duplicates"], ["quarantine", "list"]]) {
        const denied = await place.maskline(...look);
        assert.equal(denied.code, 3, look.join(" "));
        assert.match(denied.stderr, /lacks a right.*SQLSTATE 42501/);
      }
    } finally {
      await place.close();
      await servers.stop();
    }
  },
);
