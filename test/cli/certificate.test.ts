import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { erase } from "../../src/app/recovery/erase.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { auditKeys } from "../../src/keys/audit-keys.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { type Certificate, signCertificate } from "../../src/recovery/certificate.ts";
import { loginOf, vaultColumnsText, VaultTable } from "../harness/vault-table.ts";
import { newRing } from "../keys/rings.ts";
import { documentOf, emptyFolder, failed, folderWith, jsonError, maskline, succeeded } from "./expect.ts";

const notOurs = { code: "file_unreadable", says: /is no certificate of an erasure/, next: /maskline erase/ } as const;

suite("a certificate of an erasure, as whoever was handed it checks it", () => {
  let server: PostgresServer;
  let table: VaultTable;
  let signed: Certificate;
  let key: string;
  before(async () => {
    server = await startPostgres();
    table = await VaultTable.create(server);
    await (
      await table.loader()
    ).load([loginOf("ann", "203.0.113.1"), loginOf("bob", "203.0.113.1"), loginOf("ann", "203.0.113.2")]);
    const question = { column: "user_id", nullTokens: false, reason: "article 17", ticket: "T-17", approval: null };
    signed = await erase(table.settings, await table.governed(), question, "ann");
    key = `${signed.keyId}:${auditKeys(table.ring).publicKey.toString("hex")}`;
  });
  after(async () => {
    await table?.close();
    await server?.stop();
  });

  const verify = ["audit", "verify", "--certificate", "certificate.json"] as const;
  const write = (folder: string, text: string | Uint8Array): Promise<void> =>
    writeFile(path.join(folder, "certificate.json"), text);

  test("with a key from elsewhere it is as it was signed, offline, in any spelling", async (t) => {
    const folder = await emptyFolder(t);
    for (const text of [`${JSON.stringify(signed)}\n`, JSON.stringify(signed, null, 2)]) {
      await write(folder, text);
      const { stdout, stderr } = succeeded(await maskline(folder, [...verify, "--key", key]));
      assert.match(
        stdout,
        new RegExp(`^the certificate is as it was signed, with key ${signed.keyId}: erasure [\\da-f-]{36}$`, "m"),
      );
      assert.match(stdout, /^removed: links 2, originals 1, bodies 0, rowsNulled 0$/m);
      assert.match(stdout, /^remains: originals shared with others \(1\): /m);
      assert.match(stdout, /^remains: backups and replicas of the database: /m);
      assert.equal(stderr, "signatures checked with the keys given by --key\n");
    }
    const document = documentOf(succeeded(await maskline(folder, [...verify, "--key", key, "--json"]))) as {
      certificate: { hash: string; recorded: null };
      independent: boolean;
    };
    assert.deepEqual([document.certificate.hash, document.certificate.recorded, document.independent], [signed.hash, null, true]);
  });

  test("with the key it brings itself it says that this is not independent", async (t) => {
    const folder = await emptyFolder(t);
    await write(folder, JSON.stringify(signed));
    assert.match(succeeded(await maskline(folder, verify)).stderr, /^not independent: .*--key/);
    assert.equal((documentOf(await maskline(folder, [...verify, "--json"])) as { independent: boolean }).independent, false);
    const foreign = signCertificate(auditKeys(newRing()), signed.certificate);
    await write(folder, JSON.stringify(foreign));
    assert.match(succeeded(await maskline(folder, verify)).stderr, /^not independent: /, "whoever altered it signed it too");
    const hex = key.split(":")[1] ?? "";
    for (const other of [key, hex]) {
      failed(await maskline(folder, [...verify, "--key", other]), {
        code: "certificate_broken",
        says: /\((unknown_key|forged)\)/,
        next: /ask/,
      });
    }
  });

  test("one altered byte in any member is found", async (t) => {
    const folder = await emptyFolder(t);
    const text = JSON.stringify(signed);
    const states: readonly (readonly [string, RegExp])[] = Object.keys(signed.certificate).map((name) => [
      name,
      name === "format" || name === "erasure" || name === "act" ? /altered|no certificate/ : /\(altered\)/,
    ]);
    const members: readonly (readonly [string, RegExp])[] = [
      ...states,
      ["hash", /\(altered\)/],
      ["keyId", /\(unknown_key\)/],
      ["publicKey", /\(altered\)/],
      ["signature", /\(forged\)/],
    ];
    for (const [name, says] of members) {
      const altered = text.replace(new RegExp(`("${name}":[[{]*"?(?:[a-z]+":"?)?)([\\w-])`), (_, start: string, first: string) => {
        return `${start}${/\d/.test(first) ? String((Number(first) % 8) + 1) : first === "a" ? "b" : "a"}`;
      });
      assert.notEqual(altered, text, name);
      assert.equal(altered.length, text.length, name);
      await write(folder, altered);
      const { code, stderr, stdout } = await maskline(folder, [...verify, "--key", key]);
      assert.notEqual(code, 0, `${name}: ${stdout}`);
      assert.match(stderr, says, name);
    }
    // the last digit of base64url has bits that no byte is made of
    for (const name of ["publicKey", "signature"] as const) {
      const last = signed[name].slice(-1);
      const other = String.fromCodePoint((last.codePointAt(0) ?? 0) + 1);
      await write(folder, text.replace(signed[name], `${signed[name].slice(0, -1)}${other}`));
      assert.equal(jsonError(await maskline(folder, [...verify, "--key", key, "--json"])).code, "certificate_broken", name);
    }
  });

  test("what is none is told as such, and so is a member that stands there twice", async (t) => {
    const folder = await emptyFolder(t);
    const text = JSON.stringify(signed);
    const none: readonly (string | Uint8Array)[] = [
      "",
      "{}",
      "[]",
      "not JSON",
      Buffer.from([0xff, 0xfe]),
      JSON.stringify({ ...signed, more: 1 }),
      JSON.stringify(signed.certificate),
      text.replace('"removed":{', '"removed":{"links":0,"links":9,"originals":9},"removed":{'),
      text.replace('"keyId":', '"keyId":7,"keyId":'),
      " ".repeat(1_100_000),
    ];
    for (const content of none) {
      await write(folder, content);
      failed(await maskline(folder, [...verify, "--key", key]), notOurs);
    }
    failed(await maskline(folder, ["audit", "verify", "--certificate", "gone.json"]), {
      code: "file_unreadable",
      says: /cannot be read \(ENOENT\)/,
      next: /maskline erase/,
    });
    await write(folder, text);
    failed(await maskline(folder, ["audit", "verify", "certificate.json"]), {
      code: "file_unreadable",
      says: /does not begin as an export/,
      next: /--certificate/,
    });
    failed(await maskline(folder, [...verify, "--from", "3"]), {
      code: "usage",
      says: /--anchor and --from/,
      next: /--in-database/,
    });
    failed(await maskline(folder, ["audit", "verify", "--in-database"]), {
      code: "usage",
      says: /goes with --certificate/,
      next: /--help/,
    });
    failed(await maskline(folder, [...verify, "--key", "12"]), { code: "usage", says: /--key takes ID:HEX/, next: /--help/ });
  });

  test("the audit names it, in the database and in an export; another erasure's is not told of", async (t) => {
    const configuration = `keyring: file:./keyring.json\nsink: { postgres: { url: "${table.url}", table: public.logins } }\n${vaultColumnsText}`;
    const folder = await folderWith(t, configuration);
    await createKeyRingFile(path.join(folder, "keyring.json"), table.ring);
    await write(folder, JSON.stringify(signed));
    const inDatabase = succeeded(await maskline(folder, [...verify, "--in-database"]));
    assert.match(inDatabase.stdout, /^the audit is whole: 2 rows/);
    assert.match(inDatabase.stdout, /^row 2 of the audit names it$/m);
    assert.match(inDatabase.stderr, /^signatures checked with the keys of the ring$/m);
    const { stdout: exported } = succeeded(await maskline(folder, ["audit", "export"]));
    const offline = await emptyFolder(t);
    await write(offline, JSON.stringify(signed));
    await writeFile(path.join(offline, "audit.ndjson"), exported);
    const ofExport = ["audit", "verify", "audit.ndjson", "--certificate", "certificate.json", "--key", key];
    const { certificate } = documentOf(succeeded(await maskline(offline, [...ofExport, "--json"]))) as {
      certificate: { recorded: number };
    };
    assert.equal(certificate.recorded, 2);

    // signed by the right key, and never told to the audit
    const untold = signCertificate(auditKeys(table.ring), { ...signed.certificate, ticket: "T-18" });
    for (const place of [folder, offline]) await write(place, JSON.stringify(untold));
    succeeded(await maskline(offline, [...verify, "--key", key]));
    const missing = { code: "certificate_broken", says: /the audit does not tell of this certificate/, next: /audit/ } as const;
    failed(await maskline(folder, [...verify, "--in-database"]), missing);
    failed(await maskline(offline, ofExport), missing);
  });
});
