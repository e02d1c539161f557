import assert from "node:assert/strict";
import { test } from "node:test";

import { openKeyRing } from "../../src/app/assemble-keys.ts";
import { createMasks } from "../../src/app/masks.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen } from "../../src/masks/mask.ts";
import { openSurrogates } from "../../src/masks/scan/open-surrogates.ts";
import { openWorkspace, startServers } from "../harness/workspace.ts";

const config = `
source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: tickets } }
columns:
  id:    { type: text, required: true }
  ip:    { type: ip, mask: { kind: siv, domain: login.ip } }
  details:
    type: json
    paths: { client.ip: { type: ip, mask: { kind: siv, domain: login.ip } } }
  notes: { type: text, scan: [ip, email, card], mask: { kind: siv, domain: support.notes } }
`;
const table = "CREATE TABLE tickets (id text PRIMARY KEY, ip text NOT NULL, details jsonb, notes text NOT NULL)";

test("JSON and free text reach the database masked, can be joined, and come back with the key", { timeout: 120_000 }, async () => {
  const servers = await startServers();
  const place = await openWorkspace(servers, { config, table });
  try {
    const notes = "Ann@Example.COM called from 203.0.113.7; card 4111 1111 1111 1111, {{pii: nothing}}";
    const body = { ip: "203.0.113.7", details: { client: { ip: "203.0.113.7", port: 443 }, tags: ["a"] }, notes };
    const bad = { ...body, id: "bad", details: { client: { ip: ["203.0.113.7"] } } };
    await place.send([JSON.stringify({ id: "good", ...body }), JSON.stringify(bad)]);
    const { code, stderr } = await place.maskline("run", "--max-messages", "2");
    assert.equal(code, 0, stderr);
    const rows = await place.database.query<{ id: string; ip: string; notes: string; joined: boolean; kept: object; dump: string }>(
      "reading",
      `SELECT id, ip, notes, details #>> '{client,ip}' = ip AS joined, details - 'client' AS kept, to_jsonb(t)::text AS dump FROM tickets t`,
    );
    assert.deepEqual(
      rows.map(({ id, joined, kept }) => ({ id, joined, kept })),
      [{ id: "good", joined: true, kept: { tags: ["a"] } }],
    );
    for (const secret of ["203.0.113.7", "xample.com", "4111"]) assert.ok(!(rows[0]?.dump ?? "").includes(secret), secret);
    const [refused] = await place.database.query<{ faults: readonly { path: string }[] }>(
      "reading",
      "SELECT faults FROM maskline.quarantine",
    );
    assert.deepEqual(
      refused?.faults.map(({ path }) => path),
      ["details.client.ip"],
    );

    const { settings } = place;
    const definition = settings.columns.flatMap(({ inside }) => (inside !== undefined && "scan" in inside ? [inside.mask] : []))[0];
    assert.ok(definition !== undefined && createMasks(settings.columns, await openKeyRing(settings)).length === 4);
    const mask = createMask(definition, (await openKeyRing(settings)).domainKeys("siv", "support.notes"));
    assert.ok(canOpen(mask));
    assert.deepEqual(openSurrogates(mask, [rows[0]?.notes ?? ""]), [
      { text: "Ann@example.com called from 203.0.113.7; card 4111111111111111, {{pii: nothing}}", opened: 3, left: 0 },
    ]);
    const pins = await place.database.query<{ domain: string }>(
      "reading",
      "SELECT domain FROM maskline.mask_definition ORDER BY domain",
    );
    assert.deepEqual(
      pins.map(({ domain }) => domain),
      ["login.ip", "support.notes"],
    );
  } finally {
    await place.close();
    await servers.stop();
  }
});
