import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { createMasks } from "../../src/app/masks.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { findSurrogates } from "../../src/masks/scan/surrogate.ts";
import { RevealingPlace } from "../harness/revealing-place.ts";

const columns = `
  body:
    type: json
    paths:
      user.ip:      { type: ip, mask: { kind: siv, domain: login.ip } }
      proxy.ip:     { type: ip, mask: { kind: siv, domain: login.ip } }
      user.mail:    { type: email, mask: { kind: cmac, domain: login.inner_mail } }
      devices.*.id: { type: text, max: 9, mask: { kind: ff1, domain: login.device, template: '####"####' } }
  note: { type: text, scan: [ip, email], mask: { kind: siv, domain: note } }
`;

const why = ["--reason", "asked for by the court", "--ticket", "T-1", "--json"];

const rows = [
  {
    user: "u-1",
    seen: "2026-11-01",
    body: { user: { ip: "203.0.113.7", mail: "ann@example.org" }, devices: [{ id: '1234"5678' }, { id: '8765"4321' }] },
    note: "came from 203.0.113.8, wrote as ann@example.org",
  },
  // the same address twice in a row is one row of it; in another place it is none
  {
    user: "u-2",
    seen: "2026-11-03",
    body: { user: { ip: "203.0.113.7", mail: "ben@example.org" }, devices: [{ id: '1234"5678' }, { id: '1234"5678' }] },
    note: "ann@example.org, again ann@example.org",
  },
  {
    user: "u-3",
    seen: "2026-11-05",
    body: { user: { ip: "203.0.113.9", mail: "eve@example.org" }, proxy: { ip: "203.0.113.7" }, devices: [] },
    note: "nothing",
  },
] as const;

suite("values inside documents and texts come back", () => {
  let server: PostgresServer;
  let place: RevealingPlace;
  const stored: { body: string; note: string }[] = [];
  before(async () => {
    server = await startPostgres();
    place = await RevealingPlace.create(server, { contract: columns, table: ["body", "note"] });
    const { admin } = place.governed;
    await admin.query("ALTER TABLE user_logins ALTER COLUMN body TYPE jsonb USING body::jsonb");
    await place.person("officer");
    await place.governed.allow("officer", "reveal");
    await place.governed.allow("officer", "verify");
    const masks = new Map(createMasks(place.settings.columns, place.governed.ring).map(({ column, mask }) => [column.name, mask]));
    for (const { user, seen, body, note } of rows) {
      const masked = {
        body: masks.get("body")?.apply([JSON.stringify(body)])[0] ?? "",
        note: masks.get("note")?.apply([note])[0] ?? "",
      };
      stored.push(masked);
      await admin.query("INSERT INTO user_logins (user_id, seen, body, note) VALUES ($1, $2, $3, $4)", [
        user,
        seen,
        masked.body,
        masked.note,
      ]);
    }
    await admin.query("INSERT INTO user_logins (user_id, body, note) VALUES ('u-4', NULL, NULL), ('u-5', '7', '')");
  });
  after(async () => {
    await place?.close();
    await server?.stop();
  });

  const reveal = async (args: readonly string[], input = ""): Promise<readonly { token: string; value: string }[]> => {
    const { code, stdout, stderr } = await place.maskline("officer", ["reveal", ...args, ...why, "--plain-output"], input);
    assert.equal(code, 0, stdout + stderr);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { token: string; value: string });
  };
  const valuesOf = (opened: readonly { value: string }[]): readonly string[] => opened.map(({ value }) => value).toSorted();

  test("a token at a path of a document, named by column and path", async () => {
    const { user } = JSON.parse(stored[0]?.body ?? "") as { user: { ip: string } };
    assert.deepEqual(await reveal(["--column", "body.user.ip"], user.ip), [{ token: user.ip, value: "203.0.113.7" }]);
    const [intent] = (await place.audit()).filter(({ details }) => details["column"] === "body.user.ip");
    assert.deepEqual([intent?.domain, intent?.amount], ["login.ip", 1]);
  });

  test("a text as it is stored: each token in it, or the tokens themselves", async () => {
    const note = stored[0]?.note ?? "";
    const tokens = findSurrogates(note).map(({ token }) => token);
    const values = ["203.0.113.8", "ann@example.org"];
    for (const input of [note, tokens.join("\n")]) {
      assert.deepEqual(
        await reveal(["--column", "note"], input),
        values.map((value, index) => ({ token: tokens[index], value })),
      );
    }
  });

  test("--where finds the tokens at a path, behind every name of a list, and in texts; each once", async () => {
    const where = (column: string, ...conditions: readonly string[]): Promise<readonly { value: string }[]> =>
      reveal(["--column", column, ...conditions.flatMap((one) => ["--where", one])]);
    assert.deepEqual(valuesOf(await where("body.user.ip", "user_id like u-%")), ["203.0.113.7", "203.0.113.9"]);
    assert.deepEqual(valuesOf(await where("body.proxy.ip", "user_id like u-%")), ["203.0.113.7"]);
    assert.deepEqual(valuesOf(await where("body.devices.*.id", "user_id=u-1")), ['1234"5678', '8765"4321']);
    assert.deepEqual(valuesOf(await where("note", "seen>=2026-11-02")), ["ann@example.org"]);
    const limited = await reveal(["--column", "body.devices.*.id", "--where", "user_id=u-1", "--limit", "1"]);
    assert.equal(limited.length, 1);
  });

  test("verify counts the rows that hold a value in that place, with their days", async () => {
    const verify = async (column: string, value: string): Promise<unknown> => {
      const { code, stdout, stderr } = await place.maskline("officer", ["verify", "--column", column, ...why], `${value}\n`);
      assert.equal(code, 0, stdout + stderr);
      const { tokens } = JSON.parse(stdout) as { tokens: { rows: number; firstDay: string | null; lastDay: string | null }[] };
      return tokens.map(({ rows: found, firstDay, lastDay }) => [found, firstDay, lastDay]);
    };
    assert.deepEqual(await verify("body.user.ip", " ::ffff:203.0.113.7"), [[2, "2026-11-01", "2026-11-03"]]);
    assert.deepEqual(await verify("body.proxy.ip", "203.0.113.7"), [[1, "2026-11-05", "2026-11-05"]]);
    assert.deepEqual(await verify("body.user.mail", "ann@EXAMPLE.org"), [[1, "2026-11-01", "2026-11-01"]]);
    assert.deepEqual(await verify("body.devices.*.id", '1234"5678'), [[2, "2026-11-01", "2026-11-03"]]);
    assert.deepEqual(await verify("note", "ann@example.org"), [[2, "2026-11-01", "2026-11-03"]]);
    assert.deepEqual(await verify("note", "203.0.113.77"), [[0, null, null]]);
  });

  test("what is not looked for in a text is no value of it, and is not repeated", async () => {
    for (const value of ["CANARY", "203.0.113.7 and ann@example.org"]) {
      const { code, stdout, stderr } = await place.maskline("officer", ["verify", "--column", "note", ...why], value);
      assert.equal(code, 1);
      assert.match(stdout, /value_unfit/);
      assert.ok(!(stdout + stderr).includes(value));
    }
  });

  test("what gives nothing back is refused: a one-way mask inside, a text of another domain, a column that holds documents", async () => {
    const cases = [
      { args: ["--column", "body.user.mail"], input: "x", says: /one-way.*maskline verify --column body.user.mail/ },
      { args: ["--column", "note"], input: "{{pii:other:AAAAAAAAAAAAAAAAAAAAAAAA}}", says: /holds a token of note/ },
      { args: ["--column", "note", "--where", "user_id=u-3"], input: "", says: /no row that fits has a token in note/ },
      { args: ["--column", "body"], input: "x", says: /one of: .*body\.user\.ip, .*note/ },
    ];
    for (const { args, input, says } of cases) {
      const { code, stdout, stderr } = await place.maskline("officer", ["reveal", ...args, ...why, "--plain-output"], input);
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, says);
    }
  });
});
