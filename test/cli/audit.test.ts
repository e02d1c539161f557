import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { PassThrough } from "node:stream";
import { after, before, suite, test, type TestContext } from "node:test";

import { tellHeadOn } from "../../src/cli/explained.ts";
import { Output } from "../../src/cli/output.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { KeyRing, serializeKeyRing } from "../../src/keys/ring.ts";
import { readAnchor } from "../../src/recovery/audit-anchor.ts";
import { beginAct } from "../../src/recovery/govern.ts";
import { actFacts, GovernedDatabase } from "../harness/governed-database.ts";
import { refused } from "../harness/refused.ts";
import { giveRoles } from "../harness/role-members.ts";
import type { Finished } from "../harness/workspace.ts";
import { newRing, root } from "../keys/rings.ts";
import { otherwise } from "../postgres/databases.ts";
import { documentOf, emptyFolder, failed, folderWith, jsonError, maskline, succeeded } from "./expect.ts";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
  // once: two tests that make the same role at the same time would be in each other's way
  const first = await GovernedDatabase.create(server);
  for (const person of ["officer", "deputy"]) await first.person(person);
  await giveRoles(first);
  await first.close();
});
after(async () => server?.stop());

/** An audit of six rows (two reveals, an act that is open, a refusal), and the folders of an auditor and of whoever has the ring. */
interface Place {
  readonly governed: GovernedDatabase;
  /** The auditor's, without a ring. */
  readonly folder: string;
  readonly ringFolder: string;
  /** What the logs of the acts hold: `SEQUENCE:HASH`. */
  readonly heads: readonly string[];
  /** ID:HEX */
  readonly key: string;
}

async function audited(t: TestContext): Promise<Place> {
  const governed = await GovernedDatabase.create(server);
  t.after(() => governed.close());
  await giveRoles(governed);
  const heads: string[] = [];
  const log = new PassThrough({ encoding: "utf8" });
  const tell = tellHeadOn(new Output(new PassThrough() as never, log as never, false));
  for (const person of ["officer", "deputy"]) {
    await governed.person(person);
    await governed.allow(person, "reveal");
  }
  const [officer, deputy] = [governed.governanceOf("officer", tell), governed.governanceOf("deputy", tell)];
  const hashes = (...tokens: string[]): Buffer[] => tokens.map((token) => governed.keys.hashToken("login.ip", token));
  await (
    await beginAct(officer, actFacts({ amount: 2, reason: "court order\u2028of today" }), hashes("T1", "T2"))
  ).end({ opened: 2 });
  await (await beginAct(deputy, actFacts({ ticket: "T-2" }), hashes("T2"))).end({ opened: 1, refused: 2 });
  await beginAct(deputy, actFacts(), hashes("T3"));
  await refused(beginAct(deputy, actFacts({ action: "erase" }), []), "right_missing");
  heads.push(
    ...String(log.read() ?? "")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[1] ?? ""),
  );
  const url = otherwise(governed.url, { user: "auditor", password: "auditor" });
  const configuration = `keyring: file:./keyring.json
sink: { postgres: { url: "${url}", table: public.user_logins } }
columns:
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: { kind: siv, domain: login.ip } }
`;
  const [folder, ringFolder] = [await folderWith(t, configuration), await folderWith(t, configuration)];
  await createKeyRingFile(path.join(ringFolder, "keyring.json"), governed.ring);
  const { keyId, publicKey } = governed.keys;
  return { governed, folder, ringFolder, heads, key: `${keyId}:${publicKey.toString("hex")}` };
}

/** Who opened the token? */
function whoOpened(folder: string, token: string, ...flags: string[]): Finished {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [main, "audit", "list", "--token", "--column", "masked_ip", ...flags],
    { cwd: folder, input: token, encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", HOME: folder } },
  );
  return { code: status, signal: null, stdout, stderr };
}

const sequencesOf = (finished: Finished): readonly number[] =>
  (documentOf(succeeded(finished)) as { entries: { sequence: number }[] }).entries.map(({ sequence }) => sequence);

suite("maskline audit list", { concurrency: 2 }, () => {
  test("shows who did what and why, newest last, with the rights of an auditor and no ring", async (t) => {
    const { folder } = await audited(t);
    const { stdout } = succeeded(await maskline(folder, ["audit", "list"]));
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^row +time +actor +action +domain +amount +step +ticket +reason$/);
    assert.equal(lines.length, 7);
    assert.match(lines[1] ?? "", /^1 +2\d{3}-\S+ \S+Z +officer +reveal +login\.ip +2 +intent +T-1 +court order/);
    assert.match(lines[2] ?? "", /^2 .* officer .* result: opened 2 /);
    assert.match(lines[4] ?? "", /^4 .* deputy .* result: opened 1, refused 2 /);
    assert.match(lines[6] ?? "", /^6 .* deputy +erase +login\.ip +1 +refusal: no_right /);
    assert.deepEqual(sequencesOf(await maskline(folder, ["audit", "list", "--limit", "2", "--json"])), [5, 6]);
    assert.deepEqual(sequencesOf(await maskline(folder, ["audit", "list", "--actor", "officer", "--json"])), [1, 2]);
    assert.deepEqual(sequencesOf(await maskline(folder, ["audit", "list", "--action", "erase", "--json"])), [6]);
    assert.deepEqual(sequencesOf(await maskline(folder, ["audit", "list", "--since", "2020-01-01", "--json"])).length, 6);
    const none = succeeded(await maskline(folder, ["audit", "list", "--since", "9000-01-01"]));
    assert.deepEqual([none.stdout, none.stderr], ["", "no such act is in the audit\n"]);
  });

  test("who opened this token is answered under every enabled root, and not by another ring", async (t) => {
    const { folder, ringFolder, governed } = await audited(t);
    assert.deepEqual(sequencesOf(whoOpened(ringFolder, "T2\n", "--json")), [1, 2, 3, 4]);
    assert.deepEqual(sequencesOf(whoOpened(ringFolder, "T3", "--json", "--actor", "deputy")), [5]);
    const byDomain = ["audit", "list", "--token", "--domain", "login.ip", "--json"];
    const { stdout } = spawnSync(process.execPath, [main, ...byDomain], { cwd: ringFolder, input: "T3\n", encoding: "utf8" });
    assert.deepEqual(sequencesOf({ code: 0, signal: null, stdout, stderr: "" }), [5]);
    const none = whoOpened(ringFolder, "T4");
    assert.deepEqual([none.code, none.stderr], [0, "no such act is in the audit\n"]);
    failed(whoOpened(folder, "T2"), { code: "keyring_missing", says: /keyring\.json/, next: /keys create/ });
    const file = path.join(ringFolder, "keyring.json");
    const [old] = governed.ring.roots;
    assert.ok(old);
    const newest = root((old.id ^ 0x1000) >>> 0);
    await writeFile(file, serializeKeyRing(new KeyRing(newest.id, [newest, old], governed.ring.sealing)));
    assert.deepEqual(sequencesOf(whoOpened(ringFolder, "T2\n", "--json")), [1, 2, 3, 4], "after a rotation");
    assert.ok(old.status === "ENABLED");
    const disabled = new KeyRing(newest.id, [newest, { ...old, status: "DISABLED" }], governed.ring.sealing);
    await writeFile(file, serializeKeyRing(disabled));
    assert.match(whoOpened(ringFolder, "T2").stderr, new RegExp(`^not searched: acts under key ${old.id}, `));
    const other = new KeyRing(old.id, [root(old.id)], newRing().sealing);
    await writeFile(file, serializeKeyRing(other));
    failed(whoOpened(ringFolder, "T2"), { code: "key_mismatch", says: /has not signed this audit/, next: /ring/ });
  });

  test("a token is never an argument, and a filter that cannot be is told", async (t) => {
    const { folder, ringFolder } = await audited(t);
    const wrong: readonly (readonly [string[], RegExp])[] = [
      [["--token"], /--token goes with one of --column and --domain/],
      [["--column", "masked_ip"], /--token goes with one of/],
      [["--token", "--column", "masked_ip", "--domain", "login.ip"], /--token goes with one of/],
      [["--token", "T2", "--column", "masked_ip"], /takes flags only/],
      [["--action", "look"], /--action takes one of verify, /],
      [["--since", "yesterday"], /--since takes a day or a time/],
    ];
    for (const [flags, says] of wrong) {
      failed(await maskline(folder, ["audit", "list", ...flags]), { code: "usage", says, next: /maskline audit list --help/ });
    }
    failed(whoOpened(ringFolder, "\n"), { code: "usage", says: /found none/, next: /< FILE/ });
    failed(whoOpened(ringFolder, "T2", "--column", "user_id"), { code: "not_found", says: /no column/, next: /--column/ });
  });

  test("an altered row is shown as such, and keeps no other from being listed", async (t) => {
    const { folder, governed } = await audited(t);
    await governed.admin.query("ALTER TABLE maskline.audit DISABLE TRIGGER audit_is_kept");
    await governed.admin.query("UPDATE maskline.audit SET entry = 'gone' WHERE sequence = 2");
    const { stdout } = succeeded(await maskline(folder, ["audit", "list"]));
    assert.match(stdout, /^2 +altered: maskline audit verify /m);
    assert.equal(stdout.trimEnd().split("\n").length, 7);
  });
});

/** An export in a folder of its own, with nothing else there. */
async function exported(
  t: TestContext,
  from: string,
  ...flags: string[]
): Promise<{ folder: string; file: string; stderr: string }> {
  const { stdout, stderr } = succeeded(await maskline(from, ["audit", "export", ...flags]));
  const folder = await emptyFolder(t);
  const file = path.join(folder, "audit.ndjson");
  await writeFile(file, stdout);
  return { folder, file, stderr };
}

suite("maskline audit export and verify", { concurrency: 2 }, () => {
  test("an export verifies offline, with a key and an anchor from elsewhere", async (t) => {
    const { ringFolder, heads, key } = await audited(t);
    assert.equal(heads.length, 6);
    for (const head of heads) assert.ok(readAnchor(head), "what the log tells is what --anchor takes");
    const last = heads.at(-1) ?? "";
    const { folder, stderr } = await exported(t, ringFolder);
    assert.equal(stderr, `6 rows; keep elsewhere, for --anchor: ${last}\n`);
    const anchors = heads.flatMap((head) => ["--anchor", head]);
    const verified = succeeded(await maskline(folder, ["audit", "verify", "audit.ndjson", "--key", key, ...anchors]));
    assert.match(
      verified.stdout,
      /^the audit is whole: 6 rows, 1 to 6, signed with key \d+\nopen: row 5, .*, deputy, reveal of login\.ip: /,
    );
    assert.ok(verified.stdout.endsWith(`ends at ${last}\n`));
    assert.equal(verified.stderr, "signatures checked with the keys given by --key\n");
    const document = documentOf(succeeded(await maskline(folder, ["audit", "verify", "audit.ndjson", "--key", key, "--json"])));
    assert.deepEqual(
      { ...(document as object), open: null, keyIds: null },
      { rows: 6, first: 1, end: last, keyIds: null, keysFrom: "given", independent: true, anchors: [], open: null },
    );
  });

  test("with the keys the export brings itself it says that this is not independent", async (t) => {
    const { ringFolder } = await audited(t);
    const { folder } = await exported(t, ringFolder);
    const { stderr } = succeeded(await maskline(folder, ["audit", "verify", "audit.ndjson"]));
    assert.match(stderr, /^not independent: /);
    assert.match(stderr, /^without --anchor: /m);
    const document = documentOf(await maskline(folder, ["audit", "verify", "audit.ndjson", "--json"]));
    assert.equal((document as { independent: boolean }).independent, false);
  });

  test("an auditor without a ring exports and verifies with a key that was handed over", async (t) => {
    const { folder: auditors, heads, key } = await audited(t);
    const { folder, stderr } = await exported(t, auditors);
    assert.match(stderr, /^without public keys: /);
    failed(await maskline(folder, ["audit", "verify", "audit.ndjson"]), {
      code: "usage",
      says: /no public keys/,
      next: /--key ID:HEX/,
    });
    succeeded(await maskline(folder, ["audit", "verify", "audit.ndjson", "--key", key.split(":")[1] ?? ""]));
    const ofDatabase = succeeded(await maskline(auditors, ["audit", "verify", "--key", key, "--anchor", heads[3] ?? ""]));
    assert.match(ofDatabase.stdout, /^the audit is whole: 6 rows/);
    failed(await maskline(auditors, ["audit", "verify"]), { code: "keyring_missing", says: /keyring/, next: /--key ID:HEX/ });
  });

  test("the rest of an audit is verified as the rest, and as nothing more", async (t) => {
    const { ringFolder, heads, key } = await audited(t);
    const { folder } = await exported(t, ringFolder, "--from", "4");
    const verify = ["audit", "verify", "audit.ndjson", "--key", key];
    failed(await maskline(folder, verify), {
      code: "audit_broken",
      says: /row 1 to 3 are not here \(missing\)/,
      next: /--from SEQUENCE/,
    });
    const rest = succeeded(await maskline(folder, [...verify, "--from", "4", "--anchor", heads[2] ?? ""]));
    assert.match(rest.stdout, /^the audit is whole: 3 rows, 4 to 6/);
    assert.match(rest.stderr, /^only from row 4 on/m);
    const before = [...verify, "--from", "4", "--anchor", heads[1] ?? ""];
    failed(await maskline(folder, before), { code: "usage", says: /before --from/, next: /--help/ });
  });

  test("an export that was altered, cut or forged is broken, and every fault is named", async (t) => {
    const { ringFolder, heads, key } = await audited(t);
    const { folder, file } = await exported(t, ringFolder);
    const text = await readFile(file, "utf8");
    const lines = text.trimEnd().split("\n");
    const broken = async (altered: readonly string[], ...flags: string[]): Promise<readonly string[]> => {
      await writeFile(file, `${altered.join("\n")}\n`);
      const error = jsonError(await maskline(folder, ["audit", "verify", "audit.ndjson", "--key", key, "--json", ...flags]));
      assert.equal(error.code, "audit_broken");
      return error.details;
    };
    const kinds = (details: readonly string[]): readonly string[] => details.map((one) => /\((\w+)\)$/.exec(one)?.[1] ?? one);
    assert.deepEqual(kinds(await broken(lines.with(3, (lines[3] ?? "").replace("deputy", "nobody")))), ["altered"]);
    assert.deepEqual(kinds(await broken(lines.toSpliced(3, 1))), ["missing"]);
    assert.deepEqual(kinds(await broken(lines.with(2, lines[3] ?? "").with(3, lines[2] ?? ""))), ["missing", "out_of_order"]);
    assert.deepEqual(kinds(await broken(lines.with(2, "{}").with(5, ""))), ["unreadable", "missing", "missing"]);
    assert.deepEqual(kinds(await broken(lines.slice(0, -1))), ["cut"], "its head says where it ended");
    const [head = "", ...rows] = lines;
    const cut = [head.replace(heads[5] ?? "", heads[4] ?? ""), ...rows.slice(0, -1)];
    assert.deepEqual(kinds(await broken(cut, "--anchor", heads[5] ?? "")), ["cut"]);
    await writeFile(file, `${cut.join("\n")}\n`);
    const unnoticed = succeeded(await maskline(folder, ["audit", "verify", "audit.ndjson", "--key", key]));
    assert.match(unnoticed.stderr, /whether rows are missing at its end cannot be told/);
    const other = `${key.split(":")[0]}:${"ab".repeat(32)}`;
    await writeFile(file, text);
    const forged = await maskline(folder, ["audit", "verify", "audit.ndjson", "--key", other]);
    failed(forged, {
      code: "audit_broken",
      says: /the audit has 6 faults in 6 rows\n(?:  row \d the signature is not of key \d+ \(forged\)\n){6}/,
      next: /./,
    });
  });

  test("a superuser's work in the database is told by the command, tokens that nobody wrote too", async (t) => {
    const { ringFolder, governed, heads } = await audited(t);
    succeeded(await maskline(ringFolder, ["audit", "verify", "--anchor", heads[5] ?? ""]));
    await governed.admin.query("INSERT INTO maskline.audit_token VALUES (md5('x')::uuid, decode(md5('y'), 'hex'))");
    await governed.admin.query("ALTER TABLE maskline.audit DISABLE TRIGGER audit_is_kept");
    await governed.admin.query("DELETE FROM maskline.audit WHERE sequence = 6");
    const { code, details } = jsonError(await maskline(ringFolder, ["audit", "verify", "--anchor", heads[5] ?? "", "--json"]));
    assert.equal(code, "audit_broken");
    assert.deepEqual(
      details.map((one) => one.replace(/[\da-f]{8}-[\da-f-]+/, "ID")),
      [
        "row 6 the anchor's row is not here: the audit ends at 5 (cut)",
        "act ID has tokens, and no row that was written with them (tokens)",
      ],
    );
  });

  test("a file that is none, and flags that say nothing, are told", async (t) => {
    const folder = await emptyFolder(t);
    await writeFile(path.join(folder, "other"), '{"format":"other"}\n');
    await writeFile(path.join(folder, "empty"), "");
    const none = { code: "file_unreadable", says: /does not begin as an export/, next: /maskline audit export > FILE/ } as const;
    failed(await maskline(folder, ["audit", "verify", "other"]), none);
    failed(await maskline(folder, ["audit", "verify", "empty"]), none);
    failed(await maskline(folder, ["audit", "verify", "nowhere"]), {
      code: "file_unreadable",
      says: /ENOENT/,
      next: /audit export/,
    });
    const usage = { code: "usage", next: /maskline audit verify --help/ } as const;
    failed(await maskline(folder, ["audit", "verify", "other", "--anchor", "7"]), {
      ...usage,
      says: /--anchor takes SEQUENCE:HASH/,
    });
    failed(await maskline(folder, ["audit", "verify", "other", "--key", "abcd"]), { ...usage, says: /--key takes ID:HEX/ });
    await rm(path.join(folder, "other"));
  });

  test("whoever may reveal may not read the audit, and a database without one says so", async (t) => {
    const { folder, governed } = await audited(t);
    const file = path.join(folder, "maskline.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("auditor:auditor@", "officer:officer@"));
    for (const command of [["list"], ["verify", "--key", "ab".repeat(32)]]) {
      failed(await maskline(folder, ["audit", ...command]), { code: "database_denied", says: /lacks a right/, next: /grant/ });
    }
    await governed.admin.query("DROP TABLE maskline.audit");
    await writeFile(file, text);
    failed(await maskline(folder, ["audit", "export"]), { code: "schema_missing", says: /has no audit/, next: /maskline migrate/ });
  });
});
