import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { loadSettings } from "../../src/app/config/load.ts";
import { createMasks } from "../../src/app/masks.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { findSurrogates } from "../../src/masks/scan/surrogate.ts";
import { RevealingPlace } from "../harness/revealing-place.ts";

const columns = `columns:
  user_id: { type: text, max: 128, required: true }
  body:
    type: json
    paths:
      user.ip:   { type: ip, mask: { kind: siv, domain: login.ip } }
      user.mail: { type: email, mask: { kind: cmac, domain: login.mail } }
  note: { type: text, scan: [ip, email], mask: { kind: siv, domain: note } }
`;

const why = ["--reason", "asked for by the court", "--ticket", "T-1", "--plain-output", "--json"];

suite("values inside documents and texts come back", () => {
  let server: PostgresServer;
  let place: RevealingPlace;
  const stored = { body: "", note: "" };
  before(async () => {
    server = await startPostgres();
    place = await RevealingPlace.create(server);
    await place.person("officer");
    await place.governed.allow("officer", "reveal");
    const own = await readFile(path.join(place.folder, "officer.yaml"), "utf8");
    const file = path.join(place.folder, "inside.yaml");
    await writeFile(file, own.replace(/columns:[^]*/, columns));
    const settings = loadSettings({ file, environment: {}, overrides: [] });
    const masks = new Map(createMasks(settings.columns, place.governed.ring).map(({ column, mask }) => [column.name, mask]));
    stored.body = masks.get("body")?.apply([JSON.stringify({ user: { ip: "203.0.113.7", mail: "ann@example.org" } })])[0] ?? "";
    stored.note = masks.get("note")?.apply(["came from 203.0.113.8, wrote as ann@example.org"])[0] ?? "";
  });
  after(async () => {
    await place?.close();
    await server?.stop();
  });

  test("a token at a path of a document, named by column and path", async () => {
    const { user } = JSON.parse(stored.body) as { user: { ip: string } };
    const { code, stdout, stderr } = await place.maskline("inside", ["reveal", "--column", "body.user.ip", ...why], user.ip);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { token: user.ip, value: "203.0.113.7" });
    const [intent] = (await place.audit()).filter(({ details }) => details["column"] === "body.user.ip");
    assert.deepEqual([intent?.domain, intent?.amount], ["login.ip", 1]);
  });

  test("a text as it is stored: each token in it, or the tokens themselves", async () => {
    const tokens = findSurrogates(stored.note).map(({ token }) => token);
    const values = ["203.0.113.8", "ann@example.org"];
    for (const input of [stored.note, tokens.join("\n")]) {
      const { code, stdout, stderr } = await place.maskline("inside", ["reveal", "--column", "note", ...why], input);
      assert.equal(code, 0, stderr);
      const lines = stdout.trim().split("\n");
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        values.map((value, index) => ({ token: tokens[index], value })),
      );
    }
  });

  test("what gives nothing back is refused: a one-way mask inside, a text of another domain, a question to the table", async () => {
    const cases = [
      { args: ["--column", "body.user.mail"], input: "x", says: /one-way/ },
      { args: ["--column", "note"], input: "{{pii:other:AAAAAAAAAAAAAAAAAAAAAAAA}}", says: /holds a token of note/ },
      { args: ["--column", "body.user.ip", "--where", "user_id=1"], input: "", says: /does not look inside values/ },
      { args: ["--column", "body"], input: "x", says: /one of: body\.user\.ip, note/ },
    ];
    for (const { args, input, says } of cases) {
      const { code, stdout, stderr } = await place.maskline("inside", ["reveal", ...args, ...why], input);
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, says);
    }
  });
});
