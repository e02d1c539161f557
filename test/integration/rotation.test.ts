import assert from "node:assert/strict";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import { checkEquality, type EqualityFindings, prefixOf } from "../harness/equal-values.ts";
import { countRows } from "../harness/login-table.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { openWorkspace, type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";

const kills = 20;
const visibilitySeconds = 5;

suite("a rotation beside running pipelines", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  test(
    `two pipelines load, rekey is killed ${kills} times, the ring is rotated again: every row opens, counts add up, duplicates stay found`,
    { timeout: 240_000 },
    async () => {
      const place = await openWorkspace(servers, { visibilitySeconds });
      const pipelines: ReturnType<typeof startMaskline>[] = [];
      try {
        await place.database.query("creating the view", (await succeeds(place, "duplicates", "--print-view")).replace(/;\s*$/, ""));
        const events = [...sampleEvents({ count: 5_000, seed: 11 })];
        const good = events.filter(({ kind }) => kind === "login").length;
        const chunks = Array.from({ length: 5 }, (_, chunk) => events.slice(chunk * 1_000, (chunk + 1) * 1_000));
        const send = (chunk: number): Promise<void> => place.send((chunks[chunk] ?? []).map(({ body }) => body));
        await send(0);
        for (let i = 0; i < 2; i += 1) pipelines.push(startMaskline(place.folder, ["run", "--set", "run.batch_rows=40"]));
        await untilRows(place, 700);
        const first = await ring(place);
        const seen = [await check(place)];

        await succeeds(place, "keys", "rotate");
        const sending = send(1).then(() => send(2));
        let killed = 0;
        for (let kill = 0; kill < kills; kill += 1) {
          if (kill === kills / 2) {
            await sending;
            await succeeds(place, "keys", "rotate");
            await send(3);
          }
          killed += Number(await killWalking(place, 1 + (kill % 4)));
          if (kill % 3 === 0) seen.push(await check(place));
        }
        assert.equal(killed, kills, "each was killed before its end");
        await send(4);
        seen.push(await check(place));
        await succeeds(place, "keys", "rekey", "--batch", "500");
        seen.push(await check(place));

        for (const pipeline of pipelines) pipeline.kill("SIGTERM");
        for (const { finished } of pipelines) {
          const { code, stderr } = await finished;
          assert.equal(code, 0, stderr);
          assert.match(stderr, /the ring was rotated: masking under root key/, "it followed without a restart");
        }
        await succeeds(place, "run", "--drain", "--idle", `${visibilitySeconds + 2}s`);
        const end = await check(place);
        seen.push(end);

        for (const [moment, { faults }] of seen.entries()) assert.deepEqual(faults, [], `at moment ${moment} of ${seen.length}`);
        assert.ok(seen.filter(({ mixed }) => mixed > 0).length > 3, "shared values did stand under several keys meanwhile");
        const last = await ring(place);
        assert.equal(last.keys.length, 3);
        assert.notEqual(last.primaryId, first.primaryId);
        assert.equal(end.rows, good, "nothing lost, nothing doubled");
        const all = { [prefixOf(last.primaryId)]: good };
        assert.deepEqual(end.byPrefix, { masked_ip: all, masked_device_id: all }, "all under the last key");
        assert.equal(await countRows(place.database, "maskline.token_alias"), 0, "no alias is left when there is one key");
        const states = await place.database.query("looking", "SELECT state FROM maskline.ring_key ORDER BY position");
        assert.deepEqual(
          states.map(({ state }) => state as string),
          ["drained", "drained", "open"],
        );
      } finally {
        for (const pipeline of pipelines) pipeline.kill("SIGKILL");
        await place.close();
      }
    },
  );
});

function ring({ folder }: Workspace): Promise<KeyRing> {
  return readKeyRingFile(path.join(folder, "keyring.json"));
}

async function check(place: Workspace): Promise<EqualityFindings> {
  return checkEquality(place.databaseUrl, await ring(place), place.settings.columns);
}

async function succeeds(place: Workspace, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.maskline(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function untilRows({ database }: Workspace, rows: number): Promise<void> {
  while ((await countRows(database, "user_logins")) < rows) await pause(10);
}

/** Starts a rekey and kills it hard once it has made so many steps, wherever it is then. False when it had come to its end. */
async function killWalking({ database, folder }: Workspace, steps: number): Promise<boolean> {
  const moved = async (): Promise<string> => {
    const [row] = await database.query<{ moved: string }>("looking", "SELECT moved_at::text AS moved FROM maskline.rekey");
    return row?.moved ?? "";
  };
  let last = await moved();
  const walking = startMaskline(folder, ["keys", "rekey", "--batch", "100", "--rate", "3000"]);
  let ended = false;
  void walking.finished.then(() => (ended = true));
  for (let made = 0; made < steps + 2 && !ended;) {
    const now = await moved();
    if (now !== last) made += 1;
    last = now;
    await pause(1);
  }
  walking.kill("SIGKILL");
  const { signal, code, stderr } = await walking.finished;
  assert.ok(signal === "SIGKILL" || code === 0, `the rekey failed by itself: ${stderr}`);
  return signal === "SIGKILL";
}
