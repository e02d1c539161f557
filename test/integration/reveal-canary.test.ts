import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { startPostgres } from "../../src/demo/postgres-server.ts";
import { exitCodes } from "../../src/errors.ts";
import { findCanaries } from "../harness/canary.ts";
import { connect } from "../harness/login-table.ts";
import { RevealingPlace } from "../harness/revealing-place.ts";
import { atTerminal, terminalMissing } from "../harness/terminal.ts";
import { dumpTables } from "../postgres/databases.ts";

const device = "CANARY-dev-81f2c5";
const ip = "198.51.100.231";
const why = ["--reason", "asked for by the court", "--ticket", "T-1"];

test("a revealed value is in the answer and nowhere else", { timeout: 300_000, skip: terminalMissing ?? false }, async () => {
  const settings = { log_statement: "all", log_min_duration_statement: "0", log_error_verbosity: "verbose" };
  const server = await startPostgres({ settings });
  const place = await RevealingPlace.create(server);
  const database = connect(place.governed.url);
  try {
    await place.person("officer");
    await place.governed.allow("officer", "reveal");
    await place.governed.allow("officer", "verify");
    await place.insert([
      {
        user_id: "plain-user",
        masked_ip: ip,
        masked_device_id: device,
        masked_host: ip,
        masked_net: ip,
        masked_card: "4711-0815",
        masked_mail: `${device}@example.com`,
        seen: "2026-11-20",
      },
    ]);
    const outputs = new Map<string, string>();
    const answers: string[] = [];
    const run = async (args: readonly string[], stdin: string, code: number, isAnswer: boolean): Promise<void> => {
      const done = await place.maskline("officer", args, stdin);
      assert.equal(done.code, code, done.stderr + done.stdout);
      outputs.set(`stderr of ${args.join(" ")}`, done.stderr);
      if (isAnswer) answers.push(done.stdout);
      else outputs.set(`stdout of ${args.join(" ")}`, done.stdout);
    };
    const tokens = `${place.tokens("masked_device_id", [device])[0]}\n`;
    const from = ["--column", "masked_device_id", ...why];
    await run(["reveal", ...from, "--plain-output"], tokens, 0, true);
    await run(["reveal", ...from, "--plain-output", "--json"], tokens, 0, true);
    await run(["reveal", "--column", "masked_ip", ...why, "--where", "user_id=plain-user", "--plain-output"], "", 0, true);
    for (const answer of answers) assert.notDeepEqual(findCanaries(answer, [device, ip]), [], "the answer really holds the value");
    // the wrong thing given: a value where a token belongs
    await run(["reveal", ...from], tokens, exitCodes.usage, false);
    await run(["reveal", "--column", "masked_ip", "--partial", ...why, "--plain-output"], `${device}\n`, exitCodes.failed, true);
    await run(["verify", "--column", "masked_ip", ...why], device, exitCodes.failed, false);
    await run(["verify", ...from], device, 0, false);
    await run(["verify", "--column", "masked_mail", ...why, "--json"], `${device}@example.com`, 0, false);
    await run(["verify", ...from], `${device}\n${device}`, exitCodes.usage, false);

    const recipient = generateKeyPairSync("x25519");
    const key = path.join(place.folder, "recipient.pem");
    const identity = path.join(place.folder, "identity.pem");
    await writeFile(key, recipient.publicKey.export({ format: "pem", type: "spki" }));
    await writeFile(identity, recipient.privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    const sealed = path.join(place.folder, "sealed");
    await run(["reveal", ...from, "--to", key, "--out", sealed], tokens, 0, false);
    outputs.set("the sealed file", await readFile(sealed, "latin1"));
    await run(["reveal", ...from, "--to", key, "--out", sealed], tokens, exitCodes.usage, false);
    const opened = await place.maskline("officer", ["reveal", "--open", sealed, "--identity", identity, "--plain-output"]);
    assert.deepEqual(JSON.parse(opened.stdout), { token: tokens.trim(), value: device });

    const session = await atTerminal(
      place.folder,
      ["verify", "--config", "officer.yaml", ...from.slice(0, 2), "--reason", "court-order-17", "--ticket", "T-1"],
      [["value (not shown): ", `${device}\r`]],
    );
    assert.equal(session.code, 0, session.screen);
    assert.match(session.screen, /rows +first day/);
    outputs.set("the screen while a value was typed", session.screen);
    const table = await atTerminal(
      place.folder,
      [
        "reveal",
        "--config",
        "officer.yaml",
        ...from.slice(0, 2),
        "--where",
        "user_id=plain-user",
        "--reason",
        "court-order-17",
        "--ticket",
        "T-1",
      ],
      [],
    );
    assert.match(table.screen, new RegExp(`${tokens.trim()} +${device}`), "at a terminal it is shown without a further flag");

    for (const [name, rows] of Object.entries(await dumpTables(database))) outputs.set(`table ${name}`, rows.join("\n"));
    outputs.set("the database server's log", await readFile(server.logFile, "utf8"));
    assert.match(outputs.get("the database server's log") ?? "", /plain-user/, "the log really holds parameters");
    assert.match(outputs.get("table maskline.audit") ?? "", /T-1/, "the dump really holds the audit");
    const canaries = [device, ip, "4711-0815"];
    for (const [name, output] of outputs) assert.deepEqual(findCanaries(output, canaries), [], name);
  } finally {
    await database.close();
    await place.close();
    await server.stop();
  }
});
