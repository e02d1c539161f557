import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { postgresServers } from "../engines/postgres-servers.ts";
import { datasetFile, datasetMissing, realMessages } from "../harness/dataset.ts";
import { openWorkspace, startServers } from "../harness/workspace.ts";

/** As legacy tables were filled: unkeyed hashes, major version. */
const legacyConfig = `
source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: user_logins } }
columns:
  user_id:          { type: text, max: 128, required: true }
  device_type:      { type: text, max: 32, required: true }
  masked_ip:        { from: ip,        type: ip,            mask: { kind: sha256, insecure: true } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: sha256, insecure: true } }
  locale:           { type: text, max: 32 }
  app_version:      { type: version, as: major }
  create_date:      { from: $sent_at, type: date }
`;

for (const engine of postgresServers()) {
  suite(`the 100 real messages on ${engine.name}`, { skip: engine.missing ?? datasetMissing }, () => {
    test("become 99 rows and one quarantined message, once, however often the queue is drained", async () => {
      const servers = await startServers(() => engine.start());
      const place = await openWorkspace(servers);
      try {
        await place.send(realMessages());
        const { code, stdout, stderr } = await place.maskline("run", "--max-messages", "100", "--json");
        assert.equal(code, 0, stderr);
        const { received, loaded, duplicate, quarantined, returned } = JSON.parse(stdout) as Record<string, number>;
        assert.deepEqual(
          { received, loaded, duplicate, quarantined, returned },
          { received: 100, loaded: 99, duplicate: 0, quarantined: 1, returned: 0 },
        );
        const rows = await place.database.query<{ user_id: string; masked_ip: string; day: string; today: string }>(
          "reading",
          "SELECT user_id, masked_ip, create_date::text AS day, (now() AT TIME ZONE 'UTC')::date::text AS today FROM user_logins",
        );
        assert.equal(rows.length, 99);
        assert.equal(new Set(rows.map(({ user_id }) => user_id)).size, 99);
        assert.equal(new Set(rows.map(({ masked_ip }) => masked_ip)).size, 99, "99 addresses, 99 tokens");
        assert.ok(
          rows.every(({ day, today }) => day === today),
          "create_date is the day the message was sent",
        );
        const refused = await place.database.query<{ reason: string; faults: readonly { path: string }[] }>(
          "reading",
          "SELECT reason, faults FROM maskline.quarantine",
        );
        assert.deepEqual(
          refused.map(({ reason }) => reason),
          ["missing"],
        );
        assert.deepEqual(
          refused[0]?.faults.map(({ path }) => path).sort(),
          ["app_version", "device_id", "device_type", "ip", "user_id"],
          "all faults, not only the first",
        );
        assert.deepEqual(await servers.queues.counts(place.queueUrl), { visible: 0, inFlight: 0, delayed: 0 });
      } finally {
        await place.close();
        await servers.stop();
      }
    });

    test("equal the golden rows, field by field, with the legacy masks", async () => {
      const servers = await startServers(() => engine.start());
      const place = await openWorkspace(servers, { config: legacyConfig });
      try {
        await place.send(realMessages());
        const { code, stderr } = await place.maskline("run", "--max-messages", "100");
        assert.equal(code, 0, stderr);
        assert.match(stderr, /warning: masked_ip is hashed without a key/);
        const rows = await place.database.query<Record<string, string | null>>(
          "reading",
          "SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version::text FROM user_logins",
        );
        const [header = "", ...golden] = datasetFile("golden_user_logins.sha256_major.csv")
          .split(/\r?\n/)
          .filter((line) => line !== "");
        const loaded = rows.map((row) =>
          header
            .split(",")
            .map((name) => row[name] ?? "\\N")
            .join(","),
        );
        assert.deepEqual(loaded.sort(), golden.sort());
      } finally {
        await place.close();
        await servers.stop();
      }
    });
  });
}
