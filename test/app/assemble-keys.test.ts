import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";
import { inspect } from "node:util";

import { findKeyRing, openKeyRing, openRingForChange } from "../../src/app/assemble-keys.ts";
import { loadSettings, type Settings } from "../../src/app/config/load.ts";
import { ringPlace } from "../../src/app/keys/ring-place.ts";
import { openStoredRing } from "../../src/app/keys/stored-ring.ts";
import { createRing } from "../../src/app/keys/wrap-ring.ts";
import { KeyRing, serializeKeyRing } from "../../src/keys/ring.ts";
import { oneColumn } from "../harness/configuration.ts";
import { root } from "../keys/rings.ts";

const passphrase = "canary-4711 horse battery";

async function settingsFor(t: TestContext, keyring: string): Promise<{ folder: string; settings: Settings }> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-ring-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "maskline.yaml");
  await writeFile(file, `keyring: ${keyring}\n${oneColumn}`);
  const environment = { P: passphrase };
  return { folder, settings: loadSettings({ file, environment, overrides: [] }) };
}

/** The ring with one more root, as rotation adds it. */
function grown(ring: KeyRing): KeyRing {
  return new KeyRing(ring.primaryId, [...ring.roots, root(randomBytes(4).readUInt32BE() || 1)], ring.sealing);
}

suite("a ring that is changed", () => {
  test("is saved in the wrapping it had, as often as it changes", async (t) => {
    for (const options of ["", ', passphrase: "${P}"']) {
      const { folder, settings } = await settingsFor(t, `{ from: file:./k.json${options} }`);
      const wish = options === "" ? ({ kind: "plain" } as const) : ({ kind: "passphrase", passphrase } as const);
      await createRing(ringPlace(settings), wish);
      const { ring, save } = await openRingForChange(settings);
      const [second, third] = [grown(ring), grown(grown(ring))];
      await save(second);
      assert.deepEqual((await openKeyRing(settings)).keys, second.keys);
      await save(third);
      assert.equal(serializeKeyRing((await openRingForChange(settings)).ring), serializeKeyRing(third));
      assert.equal((await openStoredRing(ringPlace(settings))).wrapping.kind, wish.kind);
      assert.deepEqual((await readdir(folder)).sort(), ["k.json", "maskline.yaml"]);
    }
  });

  test("is never replaced by what could not be read again", async (t) => {
    const { settings } = await settingsFor(t, "file:./k.json");
    await createRing(ringPlace(settings), { kind: "plain" });
    const { ring, save } = await openRingForChange(settings);
    await assert.rejects(save(new KeyRing(ring.primaryId, [...ring.roots, root(-1)], ring.sealing)), { code: "keyring_malformed" });
    assert.deepEqual((await openKeyRing(settings)).keys, ring.keys);
  });

  test("is saved by one of two who opened it; the other's change is refused, and again until he opens it anew", async (t) => {
    const { settings } = await settingsFor(t, "file:./k.json");
    await createRing(ringPlace(settings), { kind: "plain" });
    const [one, other] = [await openRingForChange(settings), await openRingForChange(settings)];
    const [ones, others] = [grown(one.ring), grown(other.ring)];
    await one.save(ones);
    for (let time = 0; time < 2; time += 1) await assert.rejects(other.save(others), { code: "keyring_unwritable" });
    assert.deepEqual((await openKeyRing(settings)).keys, ones.keys);
    const anew = await openRingForChange(settings);
    await anew.save(grown(anew.ring));
  });

  test("is not opened for change in a variable", async (t) => {
    const { folder, settings } = await settingsFor(t, "env:TEST_RING_OF_ASSEMBLE_KEYS");
    const file = await settingsFor(t, "file:./k.json");
    await createRing(ringPlace(file.settings), { kind: "plain" });
    process.env["TEST_RING_OF_ASSEMBLE_KEYS"] = await readFile(path.join(file.folder, "k.json"), "utf8");
    t.after(() => delete process.env["TEST_RING_OF_ASSEMBLE_KEYS"]);
    assert.deepEqual((await openKeyRing(settings)).keys, (await openKeyRing(file.settings)).keys);
    await assert.rejects(openRingForChange(settings), { code: "keyring_unwritable", message: /variable TEST_RING/ });
    assert.deepEqual(await readdir(folder), ["maskline.yaml"]);
  });
});

test("the passphrase is asked for where somebody can be asked, and only when it is needed", async (t) => {
  const { settings } = await settingsFor(t, "file:./k.json");
  await createRing(ringPlace(settings), { kind: "passphrase", passphrase });
  let asked = 0;
  const askPassphrase = (): Promise<string> => {
    asked += 1;
    return Promise.resolve(passphrase);
  };
  assert.equal((await findKeyRing({ ...settings, askPassphrase })).described.endsWith("wrapped by a passphrase"), true);
  assert.equal(asked, 1);
  await assert.rejects(openKeyRing(settings), { code: "keyring_locked", next: /keyring\.passphrase_file/ });
  const { settings: plain } = await settingsFor(t, "file:./k.json");
  await createRing(ringPlace(plain), { kind: "plain" });
  await openKeyRing({ ...plain, askPassphrase });
  assert.equal(asked, 1);
});

test("neither ring nor passphrase shows in what is printed of an opened ring, of its ways to be saved, or of its errors", async (t) => {
  const { folder, settings } = await settingsFor(t, '{ from: file:./k.json, passphrase: "${P}" }');
  await createRing(ringPlace(settings), { kind: "passphrase", passphrase });
  const stored = await openStoredRing(ringPlace(settings));
  const changeable = await openRingForChange(settings);
  const shown = [stored, changeable, await findKeyRing(settings)].flatMap((value) => [
    inspect(value, { depth: 9, showHidden: true }),
    JSON.stringify(value),
  ]);
  const text = await readFile(path.join(folder, "k.json"), "utf8");
  await writeFile(path.join(folder, "k.json"), text.replace('"salt": "', '"salt": "AAAA'), { mode: 0o600 });
  await assert.rejects(openKeyRing(settings), (error) => shown.push(inspect(error, { depth: 9, showHidden: true })) > 0);
  const { key } = changeable.ring.primary;
  const secrets = [passphrase, key.export().toString("base64"), key.export().toString("hex"), stored.text.slice(0, 400)];
  for (const output of shown) for (const secret of secrets) assert.ok(!output.includes(secret), output.slice(0, 500));
});
