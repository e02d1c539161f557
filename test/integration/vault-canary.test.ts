import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { startPostgres } from "../../src/demo/postgres-server.ts";
import { findCanaries } from "../harness/canary.ts";
import { openWorkspace, startMaskline, startServers } from "../harness/workspace.ts";
import { dumpTables } from "../postgres/databases.ts";

const config = `source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: public.logins } }
columns:
  masked_user: { from: user_id, type: text, max: 128, mask: { kind: siv, domain: login.user } }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: masked_user } }
  masked_device: { from: device, type: text, max: 40, required: false, mask: { kind: vault, domain: login.device, subject: masked_user } }
`;

/** Each seen nowhere else; the subject is masked, so it is personal everywhere. */
const canaries = ["canary-user-7c31f0", "198.51.100.231", "CANARY-dev-81f2c5", "canary-body-90ad11"];
const [user = "", ip = "", device = "", body = ""] = canaries;

test("no value of the vault, and nobody's name, leaves the places it may be in", { timeout: 300_000 }, async () => {
  // the server writes down every statement with its parameters: what it is never given, it cannot write
  const settings = { log_statement: "all", log_min_duration_statement: "0", log_error_verbosity: "verbose" };
  const servers = await startServers(() => startPostgres({ settings }));
  const place = await openWorkspace(servers, {
    config,
    table: "CREATE TABLE logins (masked_user text, masked_ip text, masked_device text)",
  });
  try {
    await place.database.query(
      "allowing",
      "INSERT INTO maskline.policy (role, domain, action) VALUES (current_user, '*', 'erase')",
    );
    await place.database.query("preparing", "ALTER TABLE logins ADD CONSTRAINT some_device CHECK (masked_device IS NOT NULL)");
    const outputs = new Map<string, string | Buffer>();
    const command = async (name: string, input: string | null, ...args: readonly string[]): Promise<number | null> => {
      const { stdout, stderr, code } = await startMaskline(place.folder, args, {}, input).finished;
      outputs.set(name, `${stdout}\nstderr:${stderr}`);
      return code;
    };
    await place.send([
      JSON.stringify({ user_id: user, ip, device }),
      // the contract refuses the first of these, the table the second
      JSON.stringify({ user_id: user, ip: body, device }),
      JSON.stringify({ user_id: user, ip }),
    ]);
    assert.equal(await command("run", null, "run", "--max-messages", "3", "--json"), 0);
    assert.match(String(outputs.get("run")), /"loaded":1.*"quarantined":2|"quarantined":2.*"loaded":1/, "they really went through");
    outputs.set("every table", JSON.stringify(await dumpTables(place.database)));
    const explained = ["erase", "--subject", "masked_user", "--reason", "a request under article 17", "--ticket", "T-17"];
    assert.equal(await command("a dry run", `${user}\n`, ...explained, "--dry-run"), 0);
    assert.equal(await command("a dry run in JSON", `${user}\n`, ...explained, "--dry-run", "--json"), 0);
    assert.match(String(outputs.get("a dry run in JSON")), /"tokens":2,"originals":2,"shared":0,"bodies":2/);
    assert.equal(await command("tokens of rows that cannot be found", `${user}\n`, ...explained, "--null-tokens"), 2);
    assert.equal(await command("two values", `${user}\n${ip}\n`, ...explained), 2);
    assert.equal(await command("a value too long", `${user.repeat(20)}\n`, ...explained), 1);
    assert.equal(await command("rotate", null, "keys", "rotate", "--sealing"), 0);
    assert.equal(await command("reseal", null, "keys", "reseal"), 0);
    assert.equal(await command("months", null, "keys", "epoch", "--destroy-older", "0", "--yes"), 0);
    assert.match(String(outputs.get("months")), /is destroyed/);
    assert.equal(await command("erase", `${user}\n`, ...explained), 0);
    const certificate = String(outputs.get("erase")).split("\n")[0] ?? "";
    await writeFile(path.join(place.folder, "certificate.json"), certificate);
    const verify = ["audit", "verify", "--in-database", "--certificate", "certificate.json"];
    assert.equal(await command("a certificate", null, ...verify), 0);
    assert.equal(await command("a certificate in JSON", null, ...verify, "--json"), 0);
    await writeFile(
      path.join(place.folder, "other.json"),
      JSON.stringify({ ...JSON.parse(certificate), certificate: user, hash: ip }),
    );
    assert.equal(await command("no certificate", null, "audit", "verify", "--certificate", "other.json"), 2);
    await rm(path.join(place.folder, "other.json"));
    outputs.set("every table after it", JSON.stringify(await dumpTables(place.database)));
    outputs.set("the database server's log", await readFile(servers.postgres.logFile));
    for (const entry of await readdir(place.folder)) outputs.set(`file ${entry}`, await readFile(path.join(place.folder, entry)));
    assert.match(String(outputs.get("the database server's log")), /vault_link/, "the log really holds statements");
    for (const [name, output] of outputs) assert.deepEqual(findCanaries(output, canaries), [], name);
  } finally {
    await place.close();
    await servers.stop();
  }
});
