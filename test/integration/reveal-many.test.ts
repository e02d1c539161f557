import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { loadSettings } from "../../src/app/config/load.ts";
import { withGovernance } from "../../src/app/recovery/governance.ts";
import { revealablePlace } from "../../src/app/recovery/recoverable.ts";
import { revealTokens } from "../../src/app/recovery/reveal.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { Revealed } from "../../src/recovery/reveal.ts";
import { type PlainRow, RevealingPlace } from "../harness/revealing-place.ts";
import { atTerminal, terminalMissing } from "../harness/terminal.ts";

const many = 100_000;

/** No two rows share an address. */
function address(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

function row(index: number): PlainRow {
  return {
    user_id: `u-${index}`,
    masked_ip: address(index),
    masked_device_id: "593-47-5928",
    masked_host: "192.0.2.44",
    masked_net: "2001:db8:1::9",
    masked_card: "4711-0815",
    masked_mail: "ann@example.com",
    seen: "2026-11-20",
  };
}

suite("reveals in great number", { timeout: 300_000 }, () => {
  let server: PostgresServer;
  let place: RevealingPlace;
  before(async () => {
    server = await startPostgres();
    place = await RevealingPlace.create(server);
    for (const person of ["officer", "deputy"]) {
      await place.person(person);
      await place.governed.allow(person, "reveal");
    }
  });
  after(async () => {
    await place?.close();
    await server?.stop();
  });

  /** All that `maskline reveal` does between its flags and its output, in a session of its own. */
  async function revealAs(person: string, token: string): Promise<readonly Revealed[]> {
    const settings = loadSettings({ file: path.join(place.folder, `${person}.yaml`), environment: {}, overrides: [] });
    const column = revealablePlace(settings, "masked_ip");
    const shown: Revealed[] = [];
    await withGovernance(
      settings,
      () => {},
      async (governed) => {
        await revealTokens(
          governed,
          column,
          {
            partial: false,
            keyId: null,
            reason: "asked for by the court",
            ticket: "T-1",
            approval: null,
            details: { column: "masked_ip" },
          },
          [token],
          { take: async (revealed) => void shown.push(...revealed), finish: async () => {} },
          new AbortController().signal,
        );
      },
    );
    return shown;
  }

  test("fifty at once, each in a session of its own, show each its value and leave one chain that verifies", async () => {
    const addresses = Array.from({ length: 50 }, (_, index) => address(index));
    const tokens = place.tokens("masked_ip", addresses);
    const shown = await Promise.all(tokens.map((token, index) => revealAs(index % 2 === 0 ? "officer" : "deputy", token)));
    assert.deepEqual(
      shown,
      tokens.map((token, index) => [{ token, value: addresses[index] }]),
    );
    const verified = await place.maskline("admin", ["audit", "verify", "--json"]);
    assert.equal(verified.code, 0, verified.stderr);
    const steps = (await place.audit()).map(({ step, actor }) => `${actor} ${step}`);
    for (const told of ["officer intent", "officer result", "deputy intent", "deputy result"]) {
      assert.equal(steps.filter((step) => step === told).length, 25, told);
    }
    const { rows } = await place.governed.admin.query<{ forks: number; rows: number }>(
      `SELECT count(*)::int AS rows, (count(*) - count(DISTINCT entry::json ->> 'previous'))::int AS forks FROM maskline.audit`,
    );
    assert.deepEqual(rows, [{ rows: 100, forks: 0 }]);
  });

  test("a hundred thousand from a query, with a bar that shows how far it is", { skip: terminalMissing ?? false }, async () => {
    for (let from = 0; from < many; from += 10_000) {
      await place.insert(Array.from({ length: 10_000 }, (_, index) => row(from + index)));
    }
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    const identity = path.join(place.folder, "identity.pem");
    await writeFile(path.join(place.folder, "recipient.pem"), publicKey.export({ format: "pem", type: "spki" }));
    await writeFile(identity, privateKey.export({ format: "pem", type: "pkcs8" }));
    const where = ["--column", "masked_ip", "--where", "user_id like u-%", "--limit", String(many)];
    const why = ["--reason", "asked for by the court", "--ticket", "T-1", "--config", "officer.yaml"];
    const { code, screen } = await atTerminal(
      place.folder,
      ["reveal", ...where, ...why, "--to", "recipient.pem", "--out", "all.sealed"],
      [],
    );
    assert.equal(code, 0, screen);
    assert.match(screen, /100,000 values of masked_ip revealed/);
    const bars = [...screen.matchAll(/\[(=*) *\] ([\d,]+) of 100,000 tokens/g)].map(([, bar = "", done = ""]) => ({
      bar: bar.length,
      done: Number(done.replaceAll(",", "")),
    }));
    assert.ok(bars.length > 2, "it is seen to go on");
    assert.deepEqual(
      bars,
      bars.toSorted((one, other) => one.done - other.done),
    );
    assert.doesNotMatch(screen, /\b10\.\d+\.\d+\.\d+\b/, "values are in the sealed file and nowhere else");

    const opened = await place.maskline("officer", ["reveal", "--open", "all.sealed", "--identity", identity, "--plain-output"]);
    assert.equal(opened.code, 0, opened.stderr);
    const values = opened.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { value: string }).value);
    assert.deepEqual(new Set(values), new Set(Array.from({ length: many }, (_, index) => address(index))));
    assert.equal(values.length, many);
    const [intent, result] = (await place.audit()).slice(-2);
    assert.deepEqual([intent?.amount, result?.outcome], [many, { opened: many, failures: {} }]);
    assert.ok(!(await readFile(path.join(place.folder, "all.sealed"))).includes("10.0.0.1"));
  });
});
