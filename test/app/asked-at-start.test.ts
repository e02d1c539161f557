import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";

import { askedAtStart } from "../../src/app/asked-at-start.ts";
import { openKeyRing } from "../../src/app/assemble-keys.ts";
import { loadSettings, type Settings } from "../../src/app/config/load.ts";
import { ringPlace } from "../../src/app/keys/ring-place.ts";
import { createRing } from "../../src/app/keys/wrap-ring.ts";
import { oneColumn } from "../harness/configuration.ts";

const passphrase = "canary-4711 horse battery";

async function settingsFor(t: TestContext): Promise<{ settings: Settings; asked: () => number; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-ring-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "maskline.yaml");
  await writeFile(file, `keyring: file:./k.json\n${oneColumn}`);
  let asked = 0;
  const askPassphrase = async (): Promise<string> => {
    asked += 1;
    return passphrase;
  };
  const settings = { ...loadSettings({ file, environment: {}, overrides: [] }), askPassphrase };
  return { settings, asked: () => asked, remove: () => rm(path.join(folder, "k.json")) };
}

test("a passphrase that was asked for at the start opens the ring again later, without a question", async (t) => {
  const { settings, asked } = await settingsFor(t);
  const { keys } = await createRing(ringPlace(settings), { kind: "passphrase", passphrase }).then(() => openKeyRing(settings));
  const { starting, running } = askedAtStart(settings);
  assert.deepEqual((await openKeyRing(starting)).keys, keys);
  assert.deepEqual((await openKeyRing(running())).keys, keys);
  assert.equal(asked(), 2, "once before, once at the start");
});

test("a ring that was given a passphrase since the start is locked: a running process asks nobody", async (t) => {
  const { settings, asked, remove } = await settingsFor(t);
  await createRing(ringPlace(settings), { kind: "plain" });
  const { starting, running } = askedAtStart(settings);
  await openKeyRing(starting);
  await remove();
  await createRing(ringPlace(settings), { kind: "passphrase", passphrase });
  await assert.rejects(openKeyRing(running()), { code: "keyring_locked", next: /keyring\.passphrase_file/ });
  assert.equal(asked(), 0);
});
