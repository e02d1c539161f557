import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { exitCodes } from "../../src/errors.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { succeeded } from "../cli/expect.ts";
import { type Finished, startMaskline } from "../harness/workspace.ts";
import { otherwise, plainClient } from "../postgres/databases.ts";

const why = ["--reason", "asked for by the court", "--ticket", "T-1"];
/** Plain values by column: a document has one of them at two paths. */
const before2025 = { masked_host: "192.0.2.44", masked_net: "2001:db8:1::9", masked_card: "4711-0815" };
const since2025 = { masked_host: "198.51.100.7", masked_net: "203.0.113.200", masked_card: "1234-5678" };
const columns = Object.keys(before2025) as (keyof typeof before2025)[];

suite("tokens that do not say their key, in a column that has held those of two", { timeout: 300_000 }, () => {
  let server: PostgresServer;
  let admin: pg.Client;
  let folder: string;
  let first: number;
  let second: number;

  before(async () => {
    server = await startPostgres();
    admin = await plainClient(server.url);
    folder = await mkdtemp(path.join(tmpdir(), "maskline-epochs-"));
    await admin.query(
      "CREATE TABLE people (user_id text, masked_host inet, masked_net text, masked_card text, masked_ip text, doc jsonb)",
    );
    await admin.query("CREATE ROLE officer LOGIN PASSWORD 'officer'");
    const ring = createKeyRing(randomBytes);
    first = ring.primaryId;
    await createKeyRingFile(path.join(folder, "keyring.json"), ring);

    await configure(first);
    succeeded(await maskline("admin", "migrate"));
    succeeded(await maskline("admin", "migrate", "--grants", "--apply"));
    await admin.query("GRANT maskline_privacy_officer TO officer");
    await admin.query(
      "INSERT INTO maskline.policy (role, domain, action) VALUES ('officer', '*', 'reveal'), ('officer', '*', 'verify')",
    );
    await load("old", before2025);
    succeeded(await maskline("admin", "keys", "rotate"));
    const { roots } = JSON.parse(succeeded(await maskline("admin", "keys", "list", "--json")).stdout) as {
      roots: { id: number; primary: boolean }[];
    };
    second = roots.find(({ primary }) => primary)?.id ?? first;
    assert.notEqual(first, second);
  });
  after(async () => {
    await admin?.end();
    await server?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function configure(keyId: number, keyOfB: number = first): Promise<void> {
    for (const [name, url] of [
      ["admin", server.url],
      ["officer", otherwise(server.url, { user: "officer", password: "officer" })],
    ] as const) {
      await writeFile(
        path.join(folder, `${name}.yaml`),
        `keyring: "file:./keyring.json"
sink: { postgres: { url: "${url}", table: public.people } }
columns:
  user_id:     { type: text, required: true }
  masked_host: { from: host, type: ip, mask: { kind: ipcrypt, domain: d.host, key: ${keyId} } }
  masked_net:  { from: net, type: ip, mask: { kind: ipcrypt-pfx, domain: d.net, key: ${keyId} } }
  masked_card: { from: card, type: text, max: 9, mask: { kind: ff1, domain: d.card, template: "####-####", key: ${keyId} } }
  masked_ip:   { from: host, type: ip, mask: { kind: siv, domain: d.ip } }
  doc:
    type: json
    paths:
      "a": { type: ip, mask: { kind: ipcrypt, domain: d.a, key: ${keyId} } }
      "b": { type: ip, mask: { kind: ipcrypt, domain: d.b, key: ${keyOfB} } }
`,
        { mode: 0o600 },
      );
    }
  }

  async function load(name: string, { masked_host: host, masked_net: net, masked_card: card }: typeof before2025): Promise<void> {
    const file = `${name}.ndjson`;
    await writeFile(path.join(folder, file), `${JSON.stringify({ user_id: name, host, net, card, doc: { a: host, b: net } })}\n`);
    succeeded(await maskline("admin", "backfill", file, "--sent-at", "2025-01-01"));
  }

  function maskline(person: string, ...args: readonly string[]): Promise<Finished> {
    return startMaskline(folder, [...args, "--config", `${person}.yaml`]).finished;
  }

  const reveal = (column: string, user: string, ...more: readonly string[]): Promise<Finished> =>
    maskline("officer", "reveal", "--column", column, "--plain-output", "--json", ...why, "--where", `user_id=${user}`, ...more);

  function valuesOf({ stdout }: Finished): readonly unknown[] {
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => Object.entries(JSON.parse(line) as object).flatMap(([name, value]) => (name === "value" ? [value] : [])));
  }

  async function lastTold(): Promise<{
    readonly step: string;
    readonly outcome: unknown;
    readonly details: Record<string, unknown>;
  }> {
    const { rows } = await admin.query<{ entry: string }>("SELECT entry FROM maskline.audit ORDER BY sequence DESC LIMIT 1");
    return JSON.parse(rows[0]?.entry ?? "null") as Awaited<ReturnType<typeof lastTold>>;
  }

  async function entries(): Promise<number> {
    const { rows } = await admin.query<{ n: number }>("SELECT count(*)::int AS n FROM maskline.audit");
    return rows[0]?.n ?? 0;
  }

  test("with one key alone they open as they are", async () => {
    for (const column of columns) {
      const done = succeeded(await reveal(column, "old"));
      assert.deepEqual(valuesOf(done), [before2025[column]], column);
    }
    assert.deepEqual(valuesOf(succeeded(await reveal("doc.a", "old"))), [before2025.masked_host]);
  });

  test("after a new key they are refused, both keys are named, and nothing is asked for", async () => {
    await configure(second);
    const told = await entries();
    for (const place of [...columns, "doc.a"]) {
      // the mask has another key already, and the column tokens of the old one alone
      for (const args of place === "doc.a" ? [[], ["--partial"]] : [[]]) {
        const refused = await reveal(place, "old", ...args);
        assert.equal(refused.code, exitCodes.usage, `${place}: ${refused.stderr}`);
        assert.deepEqual(valuesOf(refused), []);
        assert.match(
          refused.stdout,
          new RegExp(`the mask of ${place} has key ${second}, and the column has held tokens of key ${first}:`),
        );
        assert.match(refused.stdout, new RegExp(`--key ${second} or --key ${first}, `));
      }
    }
    assert.equal(await entries(), told);
    assert.deepEqual(valuesOf(succeeded(await reveal("doc.b", "old"))), [before2025.masked_net], "its key has stayed");
  });

  test("with the key named those of each epoch open to their values, and the audit has the key", async () => {
    await load("new", since2025);
    for (const column of columns) {
      assert.equal(
        (await reveal(column, "new")).code,
        exitCodes.usage,
        "those of today's key are refused too: nothing tells them apart",
      );
      const [old, recent] = [
        await reveal(column, "old", "--key", String(first)),
        await reveal(column, "new", "--key", String(second)),
      ];
      assert.deepEqual([...valuesOf(succeeded(old)), ...valuesOf(succeeded(recent))], [before2025[column], since2025[column]]);
      const { details } = await lastTold();
      assert.equal(details["key"], second);
      const wrong = valuesOf(await reveal(column, "old", "--key", String(second)));
      assert.notDeepEqual(wrong, [before2025[column]], "the refusal is worth something: another key gives another value");
    }
    assert.deepEqual(valuesOf(succeeded(await reveal("doc.a", "old", "--key", String(first)))), [before2025.masked_host]);
    assert.deepEqual(valuesOf(succeeded(await reveal("masked_ip", "old"))), [before2025.masked_host], "siv says its key");
    assert.equal((await lastTold()).details["key"], undefined);
  });

  test("a key is for such masks alone, and one that the ring has enabled", async () => {
    const tagged = await reveal("masked_ip", "old", "--key", String(first));
    assert.equal(tagged.code, exitCodes.usage);
    assert.match(tagged.stdout, /--key is not for masked_ip: tokens of siv say their key/);
    for (const key of ["0", "x", ""]) assert.equal((await reveal("masked_host", "old", "--key", key)).code, exitCodes.usage, key);
    const unknown = await reveal("masked_host", "old", "--key", "7");
    assert.equal(unknown.code, exitCodes.misfit);
    assert.match(unknown.stdout, /"code":"key_unknown"/);
    assert.deepEqual([...valuesOf(tagged), ...valuesOf(unknown)], []);
  });

  test("where it may not be read which keys there were, it is refused and told; a key that is named needs no such look", async () => {
    await admin.query("REVOKE SELECT ON maskline.token_column FROM maskline_privacy_officer");
    const denied = await reveal("masked_host", "new");
    assert.equal(denied.code, exitCodes.misfit);
    assert.match(denied.stdout, /"code":"database_denied"/);
    assert.match(denied.stdout, /maskline migrate --grants --apply/);
    assert.deepEqual(valuesOf(denied), []);
    const { step, outcome } = await lastTold();
    assert.deepEqual([step, outcome], ["refusal", { refused: "database_denied" }]);
    const named = await reveal("masked_host", "new", "--key", String(second));
    assert.deepEqual(valuesOf(succeeded(named)), [since2025.masked_host]);
    assert.deepEqual(valuesOf(succeeded(await reveal("masked_ip", "new"))), [since2025.masked_host], "siv needs none either");
  });

  test("verify answers under each key; with one disabled it cannot be told of a token that is none of the others", async () => {
    const { rows } = await admin.query<{ token: string }>("SELECT host(masked_host) AS token FROM people WHERE user_id = 'old'");
    const token = rows[0]?.token ?? "";
    const verify = async (value: string): Promise<{ matches: boolean | null; tokens: { keyId: number; rows: number }[] }> => {
      const args = ["verify", "--column", "masked_host", token, "--json", ...why, "--config", "officer.yaml"];
      return JSON.parse(succeeded(await startMaskline(folder, args, {}, `${value}\n`).finished).stdout) as Awaited<
        ReturnType<typeof verify>
      >;
    };
    const found = await verify(before2025.masked_host);
    assert.equal(found.matches, true);
    assert.deepEqual(
      found.tokens.map(({ keyId, rows: count }) => [keyId, count]),
      [
        [second, 0],
        [first, 1],
      ],
    );
    assert.equal((await verify("192.0.2.99")).matches, false);
    await configure(second, second);
    succeeded(await maskline("admin", "keys", "disable", String(first), "--offline"));
    assert.equal((await verify("192.0.2.99")).matches, null);
    assert.equal((await verify(before2025.masked_host)).matches, null, "it is this value's, and that cannot be told");
  });
});
