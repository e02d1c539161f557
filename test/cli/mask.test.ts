import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";

import { domainMask } from "../harness/domain-mask.ts";
import { folderWith, maskline, succeeded } from "./expect.ts";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

const configuration = `
keyring: file:./keyring.json
columns:
  user_id: { type: text, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: siv, domain: login.ip } }
  device: { type: text, mask: { kind: hmac, domain: login.device } }
  born: { type: date, mask: { kind: generalise, to: year } }
  score: { type: integer }
  details: { type: json }
  seen: { from: $sent_at, type: date }
`;

async function prepared(t: TestContext): Promise<string> {
  const folder = await folderWith(t, configuration);
  succeeded(await maskline(folder, ["keys", "create"]));
  return folder;
}

function filter(
  folder: string,
  input: string,
  ...flags: readonly string[]
): { code: number | null; rows: unknown[]; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "mask", ...flags], {
    cwd: folder,
    input,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
  });
  const rows = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
  return { code: status, rows, stderr };
}

const event = { user_id: "u1", ip: "203.0.113.77", device: "593-47-5928", born: "1984-07-02", score: 7, details: { a: [1, null] } };

suite("maskline mask", { concurrency: 2 }, () => {
  test("asks for no identity: a line is told from others by nothing", async (t) => {
    const folder = await prepared(t);
    const lines = `${JSON.stringify(event)}\n${JSON.stringify(event)}`;
    const { code, rows, stderr } = filter(folder, lines, "--set", "identity=event.id");
    assert.equal(code, 0, stderr);
    assert.equal(rows.length, 2);
  });

  test("writes a row for each line, masked as the pipeline would, typed as the contract says", async (t) => {
    const folder = await prepared(t);
    const { code, rows, stderr } = filter(
      folder,
      `${JSON.stringify(event)}\n\n${JSON.stringify({ ...event, ip: "::ffff:203.0.113.77" })}`,
    );
    assert.equal(code, 0, stderr);
    const ring = await readFile(path.join(folder, "keyring.json"), "utf8");
    const row = {
      user_id: "u1",
      masked_ip: domainMask(ring, "siv", "login.ip", "ip").apply(["203.0.113.77"])[0],
      device: domainMask(ring, "hmac", "login.device", "text").apply(["593-47-5928"])[0],
      born: "1984-01-01",
      score: 7,
      details: { a: [1, null] },
    };
    assert.deepEqual(rows, [row, row]);
    assert.match(stderr, /left out, as lines have no message: seen/);
  });

  test("names refused lines by number and reason, keeps the others, and says so by its exit code", async (t) => {
    const folder = await prepared(t);
    const input = [event, { ...event, ip: "secret-4711" }, event].map((one) => JSON.stringify(one)).join("\n");
    const refused = filter(folder, `${input}\nsecret-4712`);
    assert.equal(refused.code, 1);
    assert.equal(refused.rows.length, 2);
    assert.match(refused.stderr, /^line 2: ip bad_format, needed: an IP address$/m);
    assert.match(refused.stderr, /^line 4: \(body\) not_json/m);
    assert.match(refused.stderr, /2 of 4 lines are not in the output\nnext: /);
    assert.doesNotMatch(refused.stderr, /secret/);
    const skipped = filter(folder, input, "--skip-refused");
    assert.equal(skipped.code, 0);
    assert.equal(skipped.rows.length, 2);
  });

  test("another ring or definition than the expected one masks nothing", async (t) => {
    const folder = await prepared(t);
    const list = (): Promise<string> => maskline(folder, ["keys", "list", "--json"]).then(({ stdout }) => stdout);
    const { fingerprint } = JSON.parse(await list()) as { fingerprint: string };
    const expecting = (text: string): Promise<void> =>
      writeFile(
        path.join(folder, "maskline.yaml"),
        text.replace("file:./keyring.json", `{ from: file:./keyring.json, expect: ${fingerprint} }`),
      );
    await expecting(configuration);
    assert.equal(filter(folder, JSON.stringify(event)).code, 0);
    assert.equal((JSON.parse(await list()) as { fingerprint: string }).fingerprint, fingerprint);

    await expecting(configuration.replace("kind: siv,", "kind: siv, encode: text,"));
    const changed = filter(folder, JSON.stringify(event));
    assert.deepEqual([changed.code, changed.rows], [3, []]);
    assert.match(changed.stderr, /have the fingerprint [0-9a-f]{32}, keyring\.expect says [0-9a-f]{32}\nnext: /);

    await expecting(configuration);
    await rm(path.join(folder, "keyring.json"));
    succeeded(await maskline(folder, ["keys", "create"]));
    assert.equal(filter(folder, JSON.stringify(event)).code, 3);
  });

  test("tokens pass only where the caller trusts them, and only those that are authentic", async (t) => {
    const folder = await prepared(t);
    const [row] = filter(folder, JSON.stringify(event)).rows as { masked_ip: string }[];
    const token = row?.masked_ip ?? "";
    const again = JSON.stringify({ ...event, ip: token });
    assert.equal(filter(folder, again).code, 1);
    assert.deepEqual(
      (filter(folder, again, "--accept-tokens").rows as { masked_ip: string }[]).map(({ masked_ip }) => masked_ip),
      [token],
    );
    const forged = `${token.slice(0, -1)}${token.endsWith("A") ? "E" : "A"}`;
    assert.equal(filter(folder, JSON.stringify({ ...event, ip: forged }), "--accept-tokens").code, 1);
  });
});
