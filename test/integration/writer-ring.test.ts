import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { parseAnyRing } from "../../src/keys/any-ring.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import { unseal } from "../../src/keys/sealing.ts";
import { serializeWriterRing } from "../../src/keys/writer-ring-file.ts";
import { writerRingOf } from "../../src/keys/writer-ring.ts";
import { countRows } from "../harness/login-table.ts";
import { readKeyRingFile, readRingText } from "../harness/ring-file.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { newRing, ringOf, root } from "../keys/rings.ts";
import { createReversible, sivDefinition } from "../masks/masks.ts";

const addresses = ["203.0.113.77", "198.51.100.4"] as const;

function login(user: string, ip: string): string {
  return JSON.stringify({
    user_id: user,
    device_type: "android",
    ip,
    device_id: "593-47-5928",
    locale: "DE",
    app_version: "2.3.0",
  });
}

suite("a pipeline that has only a writer's ring", () => {
  let servers: Servers;
  let place: Workspace;
  let full: KeyRing;
  before(async () => {
    servers = await startServers();
    place = await openWorkspace(servers);
    full = await readKeyRingFile(path.join(place.folder, "keyring.json"));
    assert.equal((await place.maskline("keys", "export", "--writer", "writer.json")).code, 0);
  });
  after(async () => {
    await place?.close();
    await servers?.stop();
  });

  const withRing = (file: string): readonly string[] => ["--set", `keyring=file:${file}`];

  test("loads rows that join with those of the full ring, and seals what only the full ring opens", async () => {
    await place.send([login("one", addresses[0])]);
    assert.equal((await place.maskline("run", "--max-messages", "1")).code, 0);
    const check = await place.maskline("check", "--connect", ...withRing("writer.json"));
    assert.equal(check.code, 0, check.stderr);
    const refused = '{"user_id":"three","secret":"canary"}';
    await place.send([login("two", addresses[0]), login("four", addresses[1]), refused]);
    const ran = await place.maskline("run", "--max-messages", "3", ...withRing("writer.json"));
    assert.equal(ran.code, 0, ran.stderr);

    const rows = await place.database.query<{ user_id: string; masked_ip: string }>(
      "reading",
      "SELECT user_id, masked_ip FROM user_logins ORDER BY user_id",
    );
    const mask = createReversible(
      sivDefinition({ domain: "login.ip", type: "ip", encode: "packed" }),
      full.domainKeys("siv", "login.ip"),
    );
    const opened = mask.open(rows.map(({ masked_ip }) => masked_ip));
    assert.deepEqual(
      rows.map(({ user_id }, index) => [user_id, opened[index]]),
      [
        ["four", { value: addresses[1] }],
        ["one", { value: addresses[0] }],
        ["two", { value: addresses[0] }],
      ],
    );
    assert.equal(rows[1]?.masked_ip, rows[2]?.masked_ip);

    const [kept] = await place.database.query<{ id: string; sealed: Buffer }>(
      "reading",
      "SELECT id, sealed FROM maskline.quarantine",
    );
    assert.ok(kept);
    const where = ["quarantine", place.settings.pipeline, kept.id];
    const body = JSON.parse(Buffer.from(await unseal(full.sealing, kept.sealed, where)).toString()) as { body: string };
    assert.equal(body.body, refused);
    const writer = parseAnyRing(await readRingText(path.join(place.folder, "writer.json")));
    await assert.rejects(unseal(writer.sealing, kept.sealed, where), { failure: "unknown_key" });
  });

  test("masks nothing when it is the ring of another root, was altered, or lacks a domain", async () => {
    const before = await countRows(place.database, "user_logins");
    const other = newRing();
    const demands = ["login.ip", "login.device_id"].map((domain) => ({ kind: "siv", domain, pinned: null }) as const);
    const text = serializeWriterRing(writerRingOf(full, demands));
    const rings: Readonly<Record<string, string>> = {
      "other.json": serializeWriterRing(writerRingOf(other, demands)),
      "altered.json": text.replace(/"publicKey": ".{8}/, '"publicKey": "AAAAAAAA'),
      "lacking.json": serializeWriterRing(writerRingOf(full, demands.slice(0, 1))),
    };
    for (const [file, content] of Object.entries(rings)) {
      await writeFile(path.join(place.folder, file), content, { mode: 0o600 });
    }
    await place.send([login("five", addresses[0])]);
    const says: Readonly<Record<string, RegExp>> = {
      "other.json": /has tokens of key \d+, which this key ring does not hold/,
      "altered.json": /digest should be that of the ring, found another: the file was altered/,
      "lacking.json": /this writer's key ring has no siv key of domain login\.device_id under key \d+/,
    };
    for (const [file, said] of Object.entries(says)) {
      const ran = await place.maskline("run", "--max-messages", "1", ...withRing(file));
      assert.equal(ran.code, 3, ran.stderr);
      assert.match(ran.stderr, said);
      assert.match(ran.stderr, /\nnext: /);
    }
    assert.equal(await countRows(place.database, "user_logins"), before);
  });

  test("a full ring of the same id and another root is noticed by its writer's ring too", async () => {
    const [first] = full.keys;
    assert.ok(first);
    const twin = ringOf(root(first.id));
    await createKeyRingFile(path.join(place.folder, "twin.json"), twin);
    const exported = await place.maskline("keys", "export", "--writer", "twin-writer.json", ...withRing("twin.json"));
    assert.equal(exported.code, 0, exported.stderr);
    const ran = await place.maskline("run", "--max-messages", "1", ...withRing("twin-writer.json"));
    assert.equal(ran.code, 3, ran.stderr);
    assert.match(ran.stderr, /is not the key \d+ that masked domain login\./);
  });
});
