import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { createMasks } from "../../src/app/masks.ts";
import { openVault } from "../../src/app/recovery/vault-opener.ts";
import { auditKeys } from "../../src/keys/audit-keys.ts";
import { unseal } from "../../src/keys/sealing.ts";
import { parseWriterRing } from "../../src/keys/writer-ring-file.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, maskFacts, maskKinds, masksWhole } from "../../src/masks/mask.ts";
import { type Certificate, verifyCertificate } from "../../src/recovery/certificate.ts";
import { countRows } from "../harness/login-table.ts";
import { readKeyRingFile, readRingText } from "../harness/ring-file.ts";
import { openedBy, ownKeyOf, unsealedBy } from "../harness/thief.ts";
import { type Finished, openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { dumpTables, plainClient, untilWaiting } from "../postgres/databases.ts";

const config = `source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: public.logins } }
columns:
  user_id: { type: text, max: 128, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
  masked_device: { from: device, type: text, max: 40, required: false, mask: { kind: siv, domain: login.device } }
`;
const table = "CREATE TABLE logins (user_id text, masked_ip text, masked_device text)";
const withWriters: readonly string[] = ["--set", "keyring=file:writer.json"];
const explained: readonly string[] = ["--subject", "user_id", "--reason", "a request under article 17", "--ticket", "T-17"];

function login(user: string, ip: string, device: string = "593-47-5928"): string {
  return JSON.stringify({ user_id: user, ip, device });
}

suite("a vault from the command line", () => {
  let servers: Servers;
  let place: Workspace;
  before(async () => {
    servers = await startServers();
    place = await openWorkspace(servers, { config, table });
    const exported = await place.maskline("keys", "export", "--writer", "writer.json");
    assert.equal(exported.code, 0, exported.stderr);
    await place.database.query(
      "allowing",
      "INSERT INTO maskline.policy (role, domain, action) VALUES (current_user, '*', 'erase'), (current_user, '*', 'reveal')",
    );
  });
  after(async () => {
    await place?.close();
    await servers?.stop();
  });

  const erase = (input: string, ...more: readonly string[]): ReturnType<typeof startMaskline> =>
    startMaskline(place.folder, ["erase", ...explained, ...more], {}, input);

  test("is loaded by a pipeline that has only a writer's ring, which opens nothing of the whole database", async () => {
    await place.send([login("ann", "203.0.113.77"), login("bob", "203.0.113.77"), '{"user_id":"carol","secret":"canary"}']);
    const ran = await place.maskline("run", "--max-messages", "3", ...withWriters);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(await countRows(place.database, "maskline.vault"), 1);
    assert.equal(await countRows(place.database, "maskline.vault_link"), 2);
    assert.equal(await countRows(place.database, "maskline.quarantine WHERE subject IS NOT NULL"), 1);

    const full = await readKeyRingFile(path.join(place.folder, "keyring.json"));
    const [row] = await place.database.query<{ token: string; device: string }>(
      "reading",
      "SELECT masked_ip AS token, masked_device AS device FROM logins LIMIT 1",
    );
    assert.ok(row);
    const { token, device } = row;
    const place1 = openVault(place.database, "maskline", full, { domain: "login.ip" });
    assert.deepEqual(await place1.open([token]), [{ value: "203.0.113.77" }], "the full ring opens it");

    // the thief: this file, and every row of every table
    const text = await readRingText(path.join(place.folder, "writer.json"));
    const stolen = parseWriterRing(text);
    assert.deepEqual(
      stolen.derived.map(({ kind }) => kind).toSorted(),
      ["siv", "vault"],
      "no root and no private key; siv opens its own domain, as docs/keys.md says",
    );
    const keys = [...text.matchAll(/"([A-Za-z0-9+/]{16,}={0,2})"/g)].map(([, key]) => Buffer.from(key ?? "", "base64"));
    assert.ok(keys.length >= 5, "derived keys, check values, subject key, public key, digest");
    const sealed = [
      ...(await place.database.query<{ sealed: Buffer; at: string[] }>(
        "stealing",
        "SELECT sealed, ARRAY['vault', domain, token] AS at FROM maskline.vault",
      )),
      ...(await place.database.query<{ sealed: Buffer; at: string[] }>(
        "stealing",
        `SELECT sealed, ARRAY['quarantine', pipeline.name, id] AS at
         FROM maskline.quarantine JOIN maskline.pipeline ON pipeline.number = quarantine.pipeline`,
      )),
    ];
    assert.equal(sealed.length, 2);
    const [pair] = full.sealing;
    assert.ok(pair?.privateKey);
    for (const { sealed: body, at } of sealed) {
      for (const ring of [stolen.sealing, full.sealing.map((key) => ({ ...key, privateKey: null }))]) {
        await assert.rejects(unseal(ring, body, at), { failure: "unknown_key" });
      }
      assert.deepEqual(await unsealedBy(keys, pair, body, at), [], "a stolen key is no private sealing key, nor the body's own");
      const text = Buffer.from(await unseal(full.sealing, body, at)).toString();
      for (const right of [Buffer.from(pair.privateKey.export()), await ownKeyOf(pair, body)])
        assert.deepEqual(
          await unsealedBy([...keys, right], pair, body, at),
          [text],
          "the right key among them would have opened it",
        );
    }
    const opened = openedBy(keys, token, "login.ip", full.primaryId);
    assert.ok(!opened.includes("203.0.113.77"));
    assert.ok(
      openedBy(keys, device, "login.device", full.primaryId).includes("593-47-5928"),
      "a key that opens is found among them",
    );
    assertOpenersAreTried(keys, full.primaryId);
    // what it can do, and the docs say so: confirm a guess
    const guessed = createMasks(place.settings.columns, stolen)[1]?.mask;
    assert.ok(guessed !== null && guessed !== undefined && masksWhole(guessed) && !canOpen(guessed));
    assert.deepEqual(guessed.apply(["203.0.113.77"]), [token]);
    assert.notEqual(device, token);
  });

  test("check --connect says whether this user may bring originals and links", async () => {
    const good = await place.maskline("check", "--connect");
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stderr, /vault: takes the originals of masked_ip/);
    const rights = ["SELECT (domain, token)", "INSERT (domain, token, key_id, sealed)"].map(
      (right) => `${right} ON maskline.vault`,
    );
    const all = [...rights, "INSERT ON maskline.vault_link"];
    await place.database.query("making", "CREATE ROLE loader LOGIN PASSWORD 'loader'");
    await place.database.query(
      "granting",
      "GRANT USAGE ON SCHEMA maskline TO loader; GRANT SELECT ON maskline.migration TO loader",
    );
    for (const right of all) await place.database.query("granting", `GRANT ${right} TO loader`);
    const url = new URL(place.settings.options.sink?.postgres?.url ?? "");
    [url.username, url.password] = ["loader", "loader"];
    const check = async (): Promise<string> =>
      (await startMaskline(place.folder, ["check", "--connect"], { MASKLINE_SINK_POSTGRES_URL: url.href }).finished).stderr;
    assert.match(await check(), /vault: takes the originals of masked_ip/, "rights on columns are enough");
    const cases: readonly (readonly [right: string, lacked: RegExp])[] = [
      ["SELECT (token) ON maskline.vault", /no SELECT \("token"\) on "maskline"."vault"/],
      ["INSERT (key_id, sealed) ON maskline.vault", /no INSERT \("key_id", "sealed"\) on "maskline"."vault"/],
      ["INSERT ON maskline.vault_link", /no INSERT on "maskline"."vault_link"/],
    ];
    for (const [right, lacked] of cases) {
      await place.database.query("revoking", `REVOKE ${right} FROM loader`);
      assert.match(await check(), lacked);
      await place.database.query("granting", `GRANT ${right} TO loader`);
    }
  });

  test("loads files too, each original once", async () => {
    const lines = Array.from({ length: 1_500 }, (_, index) => login("dave", `198.51.${Math.floor(index / 250)}.${index % 250}`));
    await writeFile(path.join(place.folder, "events.ndjson"), `${lines.join("\n")}\n`);
    const ran = await place.maskline("backfill", "events.ndjson", ...withWriters);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(await countRows(place.database, "maskline.vault"), 1_501);
    assert.equal(await countRows(place.database, "maskline.vault_link"), 1_502);
  });

  test("an erasure that is killed in the middle is taken up by the next call, and proven by its certificate", async () => {
    const holder = await plainClient(place.databaseUrl);
    const watcher = await plainClient(place.databaseUrl);
    try {
      await holder.query("BEGIN");
      await holder.query(
        "SELECT FROM maskline.vault WHERE token = (SELECT max(token) FROM maskline.vault WHERE token IN (SELECT masked_ip FROM logins WHERE user_id = 'dave')) FOR KEY SHARE",
      );
      const killed = erase("dave\n");
      await untilWaiting(watcher, 1, [killed.finished]);
      killed.kill("SIGKILL");
      assert.equal((await killed.finished).signal, "SIGKILL");
      await holder.query("COMMIT");
    } finally {
      await holder.end();
      await watcher.end();
    }
    assert.equal(await countRows(place.database, "maskline.vault_link"), 502, "the first round is durable");
    const dry = await erase("dave\n", "--dry-run", "--json").finished;
    assert.equal(dry.code, 0, dry.stderr);
    const found = JSON.parse(dry.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [found["tokens"], found["unfinished"], found["rows"], found["oneWay"], found["reversible"]],
      [500, true, 1_500, { rows: 1_500, columns: ["masked_ip"] }, { rows: 1_500, columns: ["masked_device"] }],
    );
    const told = await erase("dave\n", "--dry-run").finished;
    assert.match(told.stdout, /^rows with one-way tokens: 1,500, in masked_ip$/m, told.stderr);
    assert.match(told.stdout, /^rows with tokens that open without the vault: 1,500, in masked_device$/m);
    assert.match(told.stdout, /^an erasure was begun and has not ended/m);
    const device = (): Promise<Finished> => {
      const why = ["--reason", "looking what is left", "--ticket", "T-17", "--plain-output"];
      return place.maskline("reveal", "--column", "masked_device", "--where", "user_id=dave", ...why);
    };
    const shown = await device();
    assert.match(shown.stdout, /593-47-5928/, "the ring opens it, whatever the vault has lost");
    const done = await erase("dave\n", "--null-tokens").finished;
    assert.equal(done.code, 0, done.stderr);
    const certificate = JSON.parse(done.stdout) as Certificate;
    assert.deepEqual(certificate.certificate["removed"], { links: 1_500, originals: 1_500, bodies: 0, rowsNulled: 1_500 });
    const closed = await device();
    assert.deepEqual([closed.code, closed.stdout], [1, ""]);
    assert.match(closed.stderr, /no row that fits has a token in masked_device/);
    const full = await readKeyRingFile(path.join(place.folder, "keyring.json"));
    assert.ok(verifyCertificate(auditKeys(full).publicKey, certificate));
    assert.equal(await countRows(place.database, "maskline.vault"), 1);
    assert.match(done.stderr, /^audit \d+:[0-9a-f]{64} key/m);
    for (const said of [dry.stdout, dry.stderr, done.stdout, done.stderr])
      assert.ok(!said.includes("dave"), "no output names anybody");
    const later = await erase("dave\n", "--dry-run", "--json").finished;
    const id = certificate.certificate["erasure"] as string;
    assert.deepEqual((JSON.parse(later.stdout) as { ended: string[] }).ended, [id]);
    const again = await place.maskline("erase", "--certificate", id);
    assert.deepEqual(JSON.parse(again.stdout), certificate, "what was printed can be had once more");
    const unknown = await place.maskline("erase", "--certificate", "dave");
    assert.match(unknown.stderr, /no erasure of this id has ended/);
    const audit = JSON.stringify((await dumpTables(place.database))["maskline.audit"]);
    assert.ok(audit.includes("article 17") && !audit.includes("dave"));
  });

  test("what survives is sealed anew, and an old copy of the vault opens no more once its key is destroyed", async () => {
    const before = await readKeyRingFile(path.join(place.folder, "keyring.json"));
    const former = before.sealing[0]?.id ?? 0;
    const read = (): Promise<readonly { domain: string; token: string; sealed: Buffer }[]> =>
      place.database.query("copying the vault", "SELECT domain, token, sealed FROM maskline.vault ORDER BY domain, token");
    const [backup] = await read();
    assert.ok(backup);
    const rotated = await place.maskline("keys", "rotate", "--sealing");
    assert.equal(rotated.code, 0, rotated.stderr);
    const early = await place.maskline("keys", "destroy", String(former), "--yes");
    assert.equal(early.code, 3);
    assert.match(early.stderr, /is still in use/);
    const resealed = await place.maskline("keys", "reseal", "--json");
    assert.equal(resealed.code, 0, resealed.stderr);
    const after = await readKeyRingFile(path.join(place.folder, "keyring.json"));
    assert.deepEqual(JSON.parse(resealed.stdout), { toKey: after.sealing[0]?.id, originals: 1, bodies: 1 });
    const again = await place.maskline("keys", "reseal", "--json");
    assert.deepEqual(JSON.parse(again.stdout), { toKey: after.sealing[0]?.id, originals: 0, bodies: 0 });
    const destroyed = await place.maskline("keys", "destroy", String(former), "--yes");
    assert.equal(destroyed.code, 0, destroyed.stderr);
    const left = await readKeyRingFile(path.join(place.folder, "keyring.json"));
    const opener = openVault(place.database, "maskline", left, { domain: "login.ip" });
    assert.deepEqual(await opener.open([backup.token]), [{ value: "203.0.113.77" }]);
    const at = ["vault", backup.domain, backup.token];
    assert.equal(Buffer.from(await unseal(before.sealing, backup.sealed, at)).toString(), "203.0.113.77");
    await assert.rejects(unseal(left.sealing, backup.sealed, at), { failure: "unknown_key" });
    const [kept] = await place.database.query<{ sealed: Buffer; at: string[] }>(
      "reading",
      `SELECT sealed, ARRAY['quarantine', pipeline.name, id] AS at
       FROM maskline.quarantine JOIN maskline.pipeline ON pipeline.number = quarantine.pipeline`,
    );
    assert.ok(kept);
    assert.match(Buffer.from(await unseal(left.sealing, kept.sealed, kept.at)).toString(), /canary/);
  });

  test("is clear about what is missing, and asks for a value only then", async () => {
    const cases: readonly (readonly [args: readonly string[], input: string, says: RegExp])[] = [
      [["--reason", "a request under article 17", "--ticket", "T-1"], "x\n", /names no subject/],
      [
        ["--subject", "masked_ip", "--reason", "a request under article 17", "--ticket", "T-1"],
        "x\n",
        /another column than masked_ip/,
      ],
      [["--subject", "user_id", "--ticket", "T-1"], "x\n", /wants a reason/],
      [["--subject", "user_id", "--reason", "a request under article 17"], "x\n", /wants a ticket/],
      [explained, "", /wants one value/],
      [explained, "one\ntwo\n", /wants one value/],
    ];
    for (const [args, input, says] of cases) {
      const ran = await startMaskline(place.folder, ["erase", ...args], {}, input).finished;
      assert.equal(ran.code, 2, ran.stderr);
      assert.match(ran.stderr, says);
      assert.match(ran.stderr, /\nnext: /);
    }
    const rootless = await erase("ann\n", ...withWriters).finished;
    assert.equal(rootless.code, 3);
    assert.match(rootless.stderr, /writer's key ring/);
    assert.equal(await countRows(place.database, "maskline.vault"), 1);
  });
});

const short = `source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: public.logins } }
columns:
  user_id: { type: text, max: 3, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
`;

test(
  "a refused message's original comes into the vault by its replay, not by the rehearsal of it",
  { timeout: 120_000 },
  async () => {
    const servers = await startServers();
    const place = await openWorkspace(servers, { config: short, table: "CREATE TABLE logins (user_id text, masked_ip text)" });
    try {
      await place.database.query(
        "allowing",
        "INSERT INTO maskline.policy (role, domain, action) SELECT current_user, '*', unnest(ARRAY['replay', 'reveal', 'erase'])",
      );
      await place.send([login("erin", "203.0.113.8")]);
      const ran = await place.maskline("run", "--max-messages", "1");
      assert.equal(ran.code, 0, ran.stderr);
      await writeFile(place.file, (await readFile(place.file, "utf8")).replace("max: 3", "max: 9"));
      const why = ["--reason", "the field is longer now", "--ticket", "T-18"];
      const tried = await place.maskline("quarantine", "replay", "--all", "--dry-run", ...why);
      assert.match(tried.stdout, /loaded +1 +would be rows/, tried.stderr);
      assert.equal(await countRows(place.database, "maskline.vault"), 0);
      const replayed = await place.maskline("quarantine", "replay", "--all", ...why);
      assert.match(replayed.stdout, /loaded +1 /, replayed.stderr);

      const reveal = ["reveal", "--column", "masked_ip", "--where", "user_id=erin", "--plain-output", ...why];
      const shown = await place.maskline(...reveal);
      assert.match(shown.stdout, /203\.0\.113\.8/, shown.stderr);
      assert.doesNotMatch(shown.stderr, /prove nothing/, "the vault has an original of a token, or it has none");
      await place.send([JSON.stringify({ user_id: "erin", ip: "no address" })]);
      const refused = await place.maskline("run", "--max-messages", "1");
      assert.equal(refused.code, 0, refused.stderr);
      const [kept] = await place.database.query<{ id: string }>("looking", "SELECT id FROM maskline.quarantine");
      assert.ok(kept);
      const erased = await startMaskline(place.folder, ["erase", "--subject", "user_id", ...why], {}, "erin\n").finished;
      assert.equal(erased.code, 0, erased.stderr);
      const { act, actor } = (JSON.parse(erased.stdout) as Certificate).certificate as { act: string; actor: string };
      const told = await place.maskline("ledger", "--message", kept.id);
      assert.match(told.stdout, /^discarded /m);
      assert.match(told.stdout, new RegExp(`^left the quarantine .*: discarded by ${actor}, act ${act}; stood there for `, "m"));
      const gone = await place.maskline(...reveal);
      assert.deepEqual([gone.code, gone.stdout.includes("203.0.113.8")], [1, false]);
      assert.match(gone.stderr, /nothing in the vault: erased/);
    } finally {
      await place.close();
      await servers.stop();
    }
  },
);

/** Of each kind that opens: a token is opened by its key, when it is among the keys that are tried. */
function assertOpenersAreTried(keys: readonly Buffer[], keyId: number): void {
  for (const kind of maskKinds.filter((each) => maskFacts[each].reversible)) {
    const { keyLengthBytes, types } = maskFacts[kind];
    const type = types.includes("ip") ? "ip" : "text";
    const value = type === "ip" ? "203.0.113.77" : "9593475928";
    const key = randomBytes(keyLengthBytes ?? 0);
    const definition = {
      kind,
      domain: "login.other",
      type,
      encode: type === "ip" ? "packed" : "text",
      key: null,
      settings: {},
    } as const;
    const domainKey = { id: keyId, key };
    const [token] = createMask(definition, { primary: domainKey, known: [domainKey] }).apply([value]);
    assert.ok(openedBy([...keys, key], token ?? "", "login.other", keyId).includes(value), kind);
    assert.ok(!openedBy(keys, token ?? "", "login.other", keyId).includes(value), kind);
  }
}
